//! What the tests have in common: a cloud, people in it, applications, and a browser between them.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

pub(crate) const ISSUER: &str = "http://nexus.test";
pub(crate) const CALLBACK: &str = "https://rp.example/cb";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const OWNER: &str = "owner@example.com";
const PASSWORD: &str = "correct horse battery";
/// A key for tests only (RFC 8037 appendix A).
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

/// The service alone, with people whose tokens the test signs.
pub(crate) async fn alone(backend: Backend) -> Testkit {
    Testkit::start(backend, vec![auth_service_v2::service()]).await
}

/// All of identity, set up, with the owner's access token.
pub(crate) async fn ready(backend: Backend) -> (Testkit, String) {
    let services = vec![
        user_auth::service(),
        auth_service::service(),
        auth_service_v2::service(),
        session_mgr::service(),
        token_mgr::service(),
    ];
    let kit = Testkit::start(backend, services).await;
    let link =
        kit.request_to("user-auth", Method::GET, "/internal/setup-link").from_service("backend-api").send().await;
    let token = link.expect(200).value()["token"].clone();
    let body = json!({"token": token, "organisation": "Engines", "name": "Ada", "email": OWNER, "password": PASSWORD});
    let _ = kit.post("/api/users/setup").json(body).send().await.expect(201);
    let owner = sign_in(&kit).await;
    (kit, owner)
}

/// Signs the owner in; the access token.
pub(crate) async fn sign_in(kit: &Testkit) -> String {
    let body = json!({"email": OWNER, "password": PASSWORD, "refresh_token": "body"});
    let reply = kit.post("/api/auth/login").json(body).send().await.expect(200).value();
    reply["access_token"].as_str().unwrap().to_owned()
}

/// An application of the tests.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl App {
    /// What `Authorization` says for it.
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }
}

/// A web application with everything, changed like this.
pub(crate) fn definition(changes: Value) -> Value {
    let definition = json!({
        "name": "Newsroom",
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": ["https://rp.example/bye"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scopes": ["openid", "profile", "email", "groups", "offline_access", "content-management", "user-auth"],
        "grant_types": ["authorization_code", "refresh_token"],
    });
    changed(definition, changes)
}

/// An object with these members besides, or instead.
fn changed(mut object: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut object, changes) else { panic!("both are objects") };
    members.extend(changes);
    object
}

/// Makes an application.
pub(crate) async fn make(kit: &Testkit, token: &str, changes: Value) -> App {
    let reply = kit.post("/api/auth/v2/applications").bearer(token).json(definition(changes)).send().await;
    let reply = reply.expect(201).value();
    let text = |field: &str| reply[field].as_str().unwrap_or_default().to_owned();
    App { id: text("client_id"), secret: text("client_secret") }
}

/// Fields as a form or a query has them.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Sends a form.
pub(crate) async fn post(kit: &Testkit, path: &str, authorization: Option<&str>, pairs: &[(&str, &str)]) -> Reply {
    let mut request = kit.post(path).header("content-type", "application/x-www-form-urlencoded");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.bytes(form(pairs)).send().await
}

/// Asks for tokens in an application's name.
pub(crate) async fn token(kit: &Testkit, app: &App, pairs: &[(&str, &str)]) -> Reply {
    post(kit, "/oauth2/token", Some(&app.basic()), pairs).await
}

/// The parameters of an authorization request, changed like this; an empty value takes one away.
pub(crate) fn asking<'a>(app: &'a App, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = vec![
        ("client_id", app.id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid email"),
        ("state", "s-1"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for change in changes {
        pairs.retain(|(name, _)| name != &change.0);
        pairs.push(*change);
    }
    pairs.retain(|(_, value)| !value.is_empty());
    pairs
}

/// A browser that has brought a request, and is now at the console.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    pub(crate) request: String,
    pub(crate) cookie: String,
}

/// Where a reply sends the browser, and the parameters there.
pub(crate) fn sent(reply: &Reply) -> (String, HashMap<String, String>) {
    split(&reply.header("location"))
}

/// An address, and its parameters.
pub(crate) fn split(location: &str) -> (String, HashMap<String, String>) {
    let mut url = Url::parse(location).unwrap();
    let parameters = url.query_pairs().into_owned().collect();
    url.set_query(None);
    (url.to_string(), parameters)
}

/// A browser brings a request that is taken.
pub(crate) async fn bring(kit: &Testkit, pairs: &[(&str, &str)]) -> Browser {
    let reply = kit.get(&format!("/oauth2/authorize?{}", form(pairs))).send().await.expect(303);
    let (page, parameters) = sent(&reply);
    assert_eq!(page, format!("{ISSUER}/authorize"), "{parameters:?}");
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    Browser { request: parameters["request"].clone(), cookie }
}

/// The person answers `approve` or `deny`.
pub(crate) async fn answer(kit: &Testkit, browser: &Browser, token: Option<&str>, verb: &str) -> Reply {
    let path = format!("/api/auth/v2/authorizations/{}/{verb}", browser.request);
    let request = kit.post(&path).header("cookie", &browser.cookie);
    match token {
        Some(token) => request.bearer(token).send().await,
        None => request.send().await,
    }
}

/// The parameters that the browser brings to the application after the answer.
pub(crate) async fn answered(kit: &Testkit, browser: &Browser, token: &str, verb: &str) -> HashMap<String, String> {
    let reply = answer(kit, browser, Some(token), verb).await.expect(200).value();
    let (page, parameters) = split(reply["redirect_to"].as_str().unwrap());
    assert_eq!((page.as_str(), parameters["iss"].as_str()), (CALLBACK, ISSUER));
    parameters
}

/// The code of a person's yes to this.
pub(crate) async fn code(kit: &Testkit, app: &App, person: &str, changes: &[(&str, &str)]) -> String {
    let browser = bring(kit, &asking(app, changes)).await;
    answered(kit, &browser, person, "approve").await["code"].clone()
}

/// What a code is traded with.
pub(crate) fn trading(code: &str) -> Vec<(&str, &str)> {
    vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)]
}

/// The tokens of a person's yes to this.
pub(crate) async fn tokens(kit: &Testkit, app: &App, person: &str, scope: &str) -> Value {
    let code = code(kit, app, person, &[("scope", scope)]).await;
    token(kit, app, &trading(&code)).await.expect(200).value()
}

/// The name of an OAuth refusal.
pub(crate) fn error(reply: &Reply) -> String {
    reply.value()["error"].as_str().unwrap_or_default().to_owned()
}

/// What a signed text says, without a look at its signature.
pub(crate) fn claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// The public half of the tests' key.
pub(crate) fn public_key() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

/// Signs with the tests' key.
pub(crate) fn signed(header: &Header, claims: &Value) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_ed_pem(PRIVATE_KEY.as_bytes()).unwrap()).unwrap()
}

/// An assertion of an application about itself, changed like this.
pub(crate) fn assertion(kit: &Testkit, app: &App, changes: Value) -> String {
    let claims = json!({
        "iss": app.id, "sub": app.id, "aud": ISSUER, "jti": Uuid::now_v7(), "exp": kit.now().as_seconds() + 60,
    });
    signed(&Header::new(Algorithm::EdDSA), &changed(claims, changes))
}

/// A proof of possession, changed like this.
pub(crate) fn proof(kit: &Testkit, path: &str, token: Option<&str>, changes: Value) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("dpop+jwt".to_owned());
    header.jwk = Some(serde_json::from_value::<Jwk>(public_key()).unwrap());
    let mut claims = json!({
        "jti": Uuid::now_v7(), "htm": "POST", "htu": format!("{ISSUER}{path}"), "iat": kit.now().as_seconds(),
    });
    if let Some(token) = token {
        claims["ath"] = json!(URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())));
    }
    signed(&header, &changed(claims, changes))
}

/// Somebody's token, when the service runs alone.
pub(crate) fn of(kit: &Testkit, person: &Person) -> String {
    kit.token(person)
}
