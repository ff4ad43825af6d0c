//! What the tests have in common: a cloud that is set up, and people who sign in.

use std::time::Duration;

use http::Method;
use nexus_testkit::{Backend, Reply, Testkit, eventually};
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const OWNER: &str = "owner@example.com";
pub(crate) const GRACE: &str = "grace@example.com";
pub(crate) const HOME: &str = "203.0.113.7";

/// All of identity, with an owner.
pub(crate) async fn ready(backend: Backend) -> Testkit {
    let services = vec![user_auth::service(), auth_service::service(), session_mgr::service(), token_mgr::service()];
    let kit = Testkit::start(backend, services).await;
    set_up(&kit).await;
    kit
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
    fn of(reply: &Value) -> Self {
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

/// Opens the link that was mailed to somebody.
pub(crate) async fn verify(kit: &Testkit, owner: &SignedIn, email: &str) {
    let mailbox = kit.get("/api/users/mailbox").bearer(&owner.access).send().await.expect(200).value();
    let mail = mailbox["items"].as_array().unwrap().iter().find(|mail| mail["to"] == email).unwrap();
    let (_, link) = mail["text"].as_str().unwrap().split_once("?token=").unwrap();
    let token = link.split_whitespace().next().unwrap();
    let _ = kit.post("/api/auth/verify").json(json!({"token": token})).send().await.expect(204);
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
