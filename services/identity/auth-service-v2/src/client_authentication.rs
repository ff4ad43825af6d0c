//! Which application asks, and whether it is that application (RFC 6749 section 2.3, RFC 7523).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Timestamp};
use serde::Deserialize;

use crate::application::{Application, ApplicationId, AuthenticationMethod};
use crate::issuer::Issuer;
use crate::jose::Unverified;
use crate::limits::Counted;
use crate::oauth_error::OAuthError;
use crate::parameters::{Asker, Parameters};
use crate::replay;
use crate::store;

/// The kind of assertion (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion may be good: as long as its id is remembered.
const LONGEST_ASSERTION: Duration = Duration::from_hours(1);
/// How far a maker's clock may be from ours.
const SKEW: Duration = Duration::from_secs(30);

/// How a request says which application it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Presented {
    Secret { client_id: String, secret: Secret, method: AuthenticationMethod },
    Assertion { client_id: Option<String>, token: String },
    NameOnly { client_id: String },
}

impl Presented {
    /// One way a request, as two could say different things.
    fn of(headers: &HeaderMap, parameters: &Parameters) -> Result<Self, OAuthError> {
        let client_id = parameters.get("client_id").map(str::to_owned);
        let basic = basic(headers)?;
        let assertion = parameters.get("client_assertion");
        let secret = parameters.get("client_secret");
        if usize::from(basic.is_some()) + usize::from(assertion.is_some()) + usize::from(secret.is_some()) > 1 {
            return Err(OAuthError::invalid_request("the application must show who it is in one way only"));
        }
        if let Some((name, secret)) = basic {
            if client_id.is_some_and(|client_id| client_id != name) {
                return Err(OAuthError::invalid_request("client_id is not that of the Authorization header"));
            }
            return Ok(Self::Secret { client_id: name, secret, method: AuthenticationMethod::ClientSecretBasic });
        }
        if let Some(token) = assertion {
            if parameters.get("client_assertion_type") != Some(JWT_BEARER) {
                return Err(OAuthError::invalid_request(format!("client_assertion_type must be {JWT_BEARER}")));
            }
            return Ok(Self::Assertion { client_id, token: token.to_owned() });
        }
        let client_id =
            client_id.ok_or_else(|| OAuthError::invalid_client("the request says for no application who it is"))?;
        match secret {
            Some(secret) => {
                let secret = Secret::from(secret);
                Ok(Self::Secret { client_id, secret, method: AuthenticationMethod::ClientSecretPost })
            }
            None => Ok(Self::NameOnly { client_id }),
        }
    }
}

/// User name and password, which OAuth writes as a form does (RFC 6749 section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, Secret)>, OAuthError> {
    let Some(field) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let wrong = || OAuthError::invalid_client("the Authorization header can't be read");
    let (scheme, encoded) = field.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(OAuthError::invalid_client("the Authorization header must be Basic"));
    }
    let decoded =
        STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
    let (name, password) = decoded.split_once(':').ok_or_else(wrong)?;
    Ok(Some((form_decoded(name), Secret::from(form_decoded(password).as_str()))))
}

fn form_decoded(text: &str) -> String {
    // A value of a form without its name.
    let form = format!("v={text}");
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    nbf: Option<i64>,
    jti: String,
}

/// Whom an assertion is for. More than one would let each of them use it at the others.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    List([String; 1]),
}

impl Audience {
    fn name(&self) -> &str {
        match self {
            Self::One(name) | Self::List([name]) => name,
        }
    }
}

/// The application that a request is of, once it has shown that it is; a public one has only a name.
pub(crate) async fn authenticate(
    context: &Context,
    asker: &Asker,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Application, OAuthError> {
    let presented = Presented::of(headers, parameters)?;
    let outcome = match presented {
        Presented::Secret { client_id, secret, method } => by_secret(context, &client_id, &secret, method).await,
        Presented::Assertion { client_id, token } => by_assertion(context, client_id.as_deref(), &token).await,
        Presented::NameOnly { client_id } => by_name(context, &client_id).await,
    };
    match outcome {
        Err(error) if error.code() == crate::oauth_error::Code::InvalidClient => {
            Err(slowed(context, asker, error).await)
        }
        outcome => outcome,
    }
}

/// The same, of an application that can keep a secret.
pub(crate) async fn authenticate_confidential(
    context: &Context,
    asker: &Asker,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Application, OAuthError> {
    let application = authenticate(context, asker, headers, parameters).await?;
    if application.definition.is_public() {
        return Err(OAuthError::invalid_client("only an application that shows who it is may ask this"));
    }
    Ok(application)
}

/// Counts a failure; whoever fails too often is told to wait.
async fn slowed(context: &Context, asker: &Asker, error: OAuthError) -> OAuthError {
    match Counted::ClientFailures.once_more(context, &asker.address).await {
        Ok(()) => error,
        Err(wait) => OAuthError::too_many("too many requests failed to show which application they are of", wait),
    }
}

/// What an unknown application and a wrong proof have in common: nobody learns which it was.
fn not_itself() -> OAuthError {
    OAuthError::invalid_client("the application is unknown, or has not shown that it is itself")
}

/// An application by the name that a request gives.
pub(crate) async fn find(context: &Context, client_id: &str) -> Result<Option<Application>, OAuthError> {
    let Ok(id) = client_id.parse::<ApplicationId>() else { return Ok(None) };
    Ok(store::applications::by_client_id(context, id).await?)
}

async fn by_secret(
    context: &Context,
    client_id: &str,
    secret: &Secret,
    method: AuthenticationMethod,
) -> Result<Application, OAuthError> {
    let application = find(context, client_id).await?.ok_or_else(not_itself)?;
    let right = application.secret.as_ref().is_some_and(|hash| hash.is_of(secret.expose()));
    if !right || application.definition.token_endpoint_auth_method != method {
        return Err(not_itself());
    }
    Ok(application)
}

async fn by_name(context: &Context, client_id: &str) -> Result<Application, OAuthError> {
    let application = find(context, client_id).await?.ok_or_else(not_itself)?;
    if application.definition.is_public() { Ok(application) } else { Err(not_itself()) }
}

async fn by_assertion(context: &Context, client_id: Option<&str>, token: &str) -> Result<Application, OAuthError> {
    let unverified = Unverified::read(token).ok_or_else(not_itself)?;
    // Who says it is looked up before the signature is, as the signature is by that one's key. Nothing else is believed yet.
    let claimed: Claims =
        jsonwebtoken::dangerous::insecure_decode(token).map(|data| data.claims).map_err(|_| not_itself())?;
    let application = find(context, &claimed.sub).await?.ok_or_else(not_itself)?;
    let keys = application.definition.keys().ok_or_else(not_itself)?;
    let kid = unverified.header.kid.as_deref();
    let mut candidates = keys.keys.iter().filter(|key| kid.is_none() || key.common.key_id.as_deref() == kid);
    let claims = candidates.find_map(|key| unverified.verify::<Claims>(key)).ok_or_else(not_itself)?;
    let until = check(&claims, client_id, &Issuer::of(context), context.clock.now())?;
    let maker = format!("assertion:{}", application.id);
    if !replay::is_first_use(context, application.tenant, &maker, &claims.jti, until).await? {
        return Err(OAuthError::invalid_client("the assertion was used before"));
    }
    Ok(application)
}

/// Until when the assertion has to be remembered, if it is good (RFC 7523 section 3).
fn check(claims: &Claims, client_id: Option<&str>, issuer: &Issuer, now: Timestamp) -> Result<Timestamp, OAuthError> {
    let refused = |why: &str| OAuthError::invalid_client(format!("the assertion {why}"));
    if claims.iss != claims.sub || client_id.is_some_and(|client_id| client_id != claims.sub) {
        return Err(refused("must be by the application, about itself"));
    }
    if ![issuer.name().to_owned(), issuer.endpoint("token")].iter().any(|ours| ours == claims.aud.name()) {
        return Err(refused("must be for this issuer alone"));
    }
    let until = Timestamp::from_seconds(claims.exp).plus(SKEW);
    if until <= now || until.since(now) > LONGEST_ASSERTION + SKEW * 2 {
        return Err(refused("has expired, or would be good for more than an hour"));
    }
    if claims.nbf.is_some_and(|nbf| Timestamp::from_seconds(nbf) > now.plus(SKEW)) {
        return Err(refused("is not good yet"));
    }
    if !(1..=replay::MAX_ID_BYTES).contains(&claims.jti.len()) {
        return Err(refused("needs a jti of its own, of at most 256 bytes"));
    }
    Ok(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: Option<&str>) -> HeaderMap {
        value.map(|value| (header::AUTHORIZATION, value.parse().unwrap())).into_iter().collect()
    }

    #[test]
    fn one_way_a_request_and_what_forms_encode_is_decoded() {
        let encoded = format!("Basic {}", STANDARD.encode("a%3Ab:c%20d+e"));
        let presented = Presented::of(&headers(Some(&encoded)), &Parameters::default()).unwrap();
        let secret = Secret::from("c d e");
        let method = AuthenticationMethod::ClientSecretBasic;
        assert_eq!(presented, Presented::Secret { client_id: "a:b".to_owned(), secret, method });
        for pairs in [
            vec![("client_secret", "s")],
            vec![("client_assertion", "t"), ("client_assertion_type", JWT_BEARER)],
            vec![("client_id", "another")],
        ] {
            assert!(Presented::of(&headers(Some(&encoded)), &Parameters::of(&pairs)).is_err(), "{pairs:?}");
        }
        assert!(Presented::of(&headers(None), &Parameters::of(&[("client_assertion", "t")])).is_err());
        assert!(Presented::of(&headers(None), &Parameters::default()).is_err());
        for wrong in ["Bearer x", "Basic", "Basic !", "Basic YQ=="] {
            assert!(Presented::of(&headers(Some(wrong)), &Parameters::default()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_assertion_is_for_us_alone_about_its_maker_and_short_lived() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let issuer = Issuer::new("https://cloud.example");
        let claims = |aud: serde_json::Value, exp: i64, iss: &str| -> Option<Claims> {
            serde_json::from_value(serde_json::json!({"iss": iss, "sub": "app", "aud": aud, "exp": exp, "jti": "1"}))
                .ok()
        };
        let good = |claims: Option<Claims>, id| claims.is_some_and(|claims| check(&claims, id, &issuer, now).is_ok());
        let soon = 1_800_000_060;
        assert!(good(claims("https://cloud.example".into(), soon, "app"), None));
        assert!(good(claims(serde_json::json!(["https://cloud.example/oauth2/token"]), soon, "app"), Some("app")));
        assert!(!good(claims("https://cloud.example".into(), soon, "app"), Some("other")));
        assert!(!good(claims("https://cloud.example".into(), soon, "other"), None));
        assert!(!good(claims("https://evil.example".into(), soon, "app"), None));
        assert!(!good(claims(serde_json::json!(["https://cloud.example", "https://evil.example"]), soon, "app"), None));
        assert!(!good(claims("https://cloud.example".into(), 1_799_999_000, "app"), None));
        assert!(!good(claims("https://cloud.example".into(), 1_800_010_000, "app"), None));
    }
}
