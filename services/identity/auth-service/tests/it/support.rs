//! What the tests have in common: a cloud that is set up, and people who sign in.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use nexus_kernel::Service;
use nexus_testkit::{Backend, Reply, Testkit, eventually};
use serde_json::{Value, json};
use totp_rs::Totp;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const OWNER: &str = "owner@example.com";
pub(crate) const GRACE: &str = "grace@example.com";
pub(crate) const HOME: &str = "203.0.113.7";

/// All of identity, with an owner.
pub(crate) async fn ready(backend: Backend) -> Testkit {
    let kit = Testkit::start(backend, services()).await;
    set_up(&kit).await;
    kit
}

/// The same with what seals the secrets of authenticators.
pub(crate) async fn ready_for_codes(backend: Backend) -> Testkit {
    let kit = Testkit::start(backend, services_for_codes()).await;
    set_up(&kit).await;
    kit
}

/// All services that signing in with a password takes.
pub(crate) fn services() -> Vec<Service> {
    vec![user_auth::service(), auth_service::service(), session_mgr::service(), token_mgr::service()]
}

/// All services that signing in with a code takes.
pub(crate) fn services_for_codes() -> Vec<Service> {
    services().into_iter().chain([key_service::service()]).collect()
}

/// Makes the owner.
pub(crate) async fn set_up(kit: &Testkit) {
    let link =
        kit.request_to("user-auth", Method::GET, "/internal/setup-link").from_service("backend-api").send().await;
    let token = link.expect(200).value()["token"].clone();
    let body = json!({"token": token, "organisation": "Engines", "name": "Ada", "email": OWNER, "password": PASSWORD});
    let _ = kit.post("/api/users/setup").json(body).send().await.expect(201);
}

/// Tries to sign in from an address.
pub(crate) async fn try_from_address(kit: &Testkit, address: &str, email: &str, password: &str) -> Reply {
    kit.post("/api/auth/login")
        .header("x-forwarded-for", address)
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        .json(json!({"email": email, "password": password, "refresh_token": "body"}))
        .send()
        .await
}

/// Tries to sign in.
pub(crate) async fn attempt(kit: &Testkit, email: &str, password: &str) -> Reply {
    try_from_address(kit, HOME, email, password).await
}

/// Somebody's tokens.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl SignedIn {
    pub(crate) fn of(reply: &Value) -> Self {
        let text = |field: &str| reply[field].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// Signs in. Time goes on, so that sessions have an order.
pub(crate) async fn sign_in(kit: &Testkit, email: &str) -> SignedIn {
    kit.clock.advance(Duration::from_millis(5));
    SignedIn::of(&attempt(kit, email, PASSWORD).await.expect(200).value())
}

/// Trades a refresh token in.
pub(crate) async fn refresh(kit: &Testkit, token: &str) -> Reply {
    kit.post("/api/tokens/refresh").json(json!({"refresh_token": token})).send().await
}

/// The pair of tokens that a refresh token gives.
pub(crate) async fn refreshed(kit: &Testkit, token: &str) -> SignedIn {
    SignedIn::of(&refresh(kit, token).await.expect(200).value())
}

/// The sessions that somebody sees.
pub(crate) async fn sessions(kit: &Testkit, who: &SignedIn) -> Vec<Value> {
    let list = kit.get("/api/sessions").bearer(&who.access).send().await.expect(200).value();
    list["items"].as_array().unwrap().clone()
}

/// Registers somebody.
pub(crate) async fn register(kit: &Testkit, email: &str) {
    let body = json!({"name": "Grace", "email": email, "password": PASSWORD});
    let _ = kit.post("/api/auth/register").json(body).send().await.expect(202);
}

/// The texts of the mails to somebody with this subject, newest first.
pub(crate) async fn mails(kit: &Testkit, owner: &SignedIn, email: &str, subject: &str) -> Vec<String> {
    let mailbox = kit.get("/api/users/mailbox?limit=200").bearer(&owner.access).send().await.expect(200).value();
    let all = mailbox["items"].as_array().unwrap().iter();
    let theirs = all.filter(|mail| mail["to"] == email && mail["subject"] == subject);
    theirs.map(|mail| mail["text"].as_str().unwrap().to_owned()).collect()
}

/// The token of a mailed link.
pub(crate) fn token_in(mail: &str) -> String {
    let (_, link) = mail.split_once("?token=").unwrap();
    link.split_whitespace().next().unwrap().to_owned()
}

/// Opens the link that was mailed to somebody.
pub(crate) async fn verify(kit: &Testkit, owner: &SignedIn, email: &str) {
    let mails = mails(kit, owner, email, "Verify your e-mail address").await;
    let body = json!({"token": token_in(&mails[0])});
    let _ = kit.post("/api/auth/verify").json(body).send().await.expect(204);
}

/// Registers and verifies somebody.
pub(crate) async fn member(kit: &Testkit, email: &str) {
    register(kit, email).await;
    let owner = sign_in(kit, OWNER).await;
    verify(kit, &owner, email).await;
}

/// Waits until a session's end has reached its tokens. A token that is still good is spent on the way: what follows is its
/// successor, never the same token twice, so that it is the end that refuses and not the reuse.
pub(crate) async fn until_refused(kit: &Testkit, token: &str) {
    let mut token = token.to_owned();
    eventually("the session's tokens end", async || {
        let reply = refresh(kit, &token).await;
        if reply.status.as_u16() == 401 {
            return Some(());
        }
        token = SignedIn::of(&reply.expect(200).value()).refresh;
        None
    })
    .await;
}

/// What a token says.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The `name=value` of a cookie that a reply sets.
pub(crate) fn cookie(reply: &Reply, prefix: &str) -> Option<String> {
    let all = reply.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    all.filter(|value| value.starts_with(prefix)).map(|value| value.split(';').next().unwrap().to_owned()).next()
}

/// Tries to sign in with a browser's cookies, from home.
pub(crate) async fn try_in_browser(kit: &Testkit, cookies: &str, email: &str, password: &str) -> Reply {
    kit.post("/api/auth/login")
        .header("x-forwarded-for", HOME)
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        .header("cookie", cookies)
        .json(json!({"email": email, "password": password}))
        .send()
        .await
}

/// Signs in with a new browser; the cookie by which it is known from then on.
pub(crate) async fn browser(kit: &Testkit, email: &str) -> String {
    let reply = try_in_browser(kit, "theme=dark", email, PASSWORD).await.expect(200);
    cookie(&reply, "nexus_device_").unwrap()
}

/// An authenticator app, and the recovery codes that came with it.
#[derive(Debug)]
pub(crate) struct App {
    totp: Totp,
    pub(crate) recovery: Vec<String>,
}

impl App {
    /// Gives somebody an app, and confirms it.
    pub(crate) async fn of(kit: &Testkit, who: &SignedIn) -> Self {
        let path = "/api/auth/factors/authenticator";
        let enrolment = kit.post(path).bearer(&who.access).send().await.expect(201).value();
        let totp = Totp::from_url(enrolment["uri"].as_str().unwrap()).unwrap();
        let mut app = Self { totp, recovery: Vec::new() };
        let body = json!({"code": app.code(kit)});
        let path = "/api/auth/factors/authenticator/confirm";
        let confirmed = kit.post(path).bearer(&who.access).json(body).send().await.expect(200).value();
        app.recovery = serde_json::from_value(confirmed["recovery_codes"].clone()).unwrap();
        app
    }

    /// What the app shows now.
    pub(crate) fn code(&self, kit: &Testkit) -> String {
        self.totp.generate(u64::try_from(kit.now().as_seconds()).unwrap()).to_string()
    }

    /// What the app shows after another 30 seconds: a code that was not used yet.
    pub(crate) fn next_code(&self, kit: &Testkit) -> String {
        kit.clock.advance(Duration::from_secs(30));
        self.code(kit)
    }
}

/// The challenge that the right password gives.
pub(crate) async fn challenge(kit: &Testkit, email: &str) -> String {
    let reply = attempt(kit, email, PASSWORD).await.expect(202).value();
    reply["challenge"].as_str().unwrap().to_owned()
}

/// Sends a code for a challenge.
pub(crate) async fn send_code(kit: &Testkit, challenge: &str, code: &str) -> Reply {
    kit.post("/api/auth/login/second-factor")
        .header("x-forwarded-for", HOME)
        .json(json!({"challenge": challenge, "code": code, "refresh_token": "body"}))
        .send()
        .await
}

/// Signs in in two steps.
pub(crate) async fn sign_in_with_code(kit: &Testkit, email: &str, code: &str) -> SignedIn {
    let challenge = challenge(kit, email).await;
    SignedIn::of(&send_code(kit, &challenge, code).await.expect(200).value())
}
