//! What the tests have in common: tokens that are issued as auth-service asks for them.

use std::time::Duration;

use http::Method;
use nexus_contracts::session_mgr::SESSION_LIFETIME;
use nexus_contracts::token_mgr::IssuedTokens;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::json;

/// token-mgr alone.
pub(crate) async fn alone(backend: Backend) -> Testkit {
    Testkit::start(backend, vec![token_mgr::service()]).await
}

/// Asks as a service for the tokens of a session that lasts this long.
pub(crate) async fn try_issue(kit: &Testkit, service: &str, person: &Person, lasts: Duration) -> Reply {
    kit.request_to("token-mgr", Method::POST, "/internal/tokens")
        .from_service(service)
        .json(json!({
            "session_id": person.session, "tenant": person.tenant, "user": person.user,
            "roles": [person.role], "expires_at": kit.now().plus(lasts),
        }))
        .send()
        .await
}

/// The tokens of somebody's new session.
pub(crate) async fn issue(kit: &Testkit) -> (Person, IssuedTokens) {
    let person = Person::new(Role::Editor);
    let issued = try_issue(kit, "auth-service", &person, SESSION_LIFETIME).await.expect(200).json();
    (person, issued)
}

/// Trades in a refresh token that a program keeps itself.
pub(crate) async fn refresh(kit: &Testkit, token: &str) -> Reply {
    kit.post("/api/tokens/refresh").json(json!({"refresh_token": token})).send().await
}

/// The refresh token in a reply's body.
pub(crate) fn next_token(reply: &Reply) -> String {
    reply.value()["refresh_token"].as_str().unwrap().to_owned()
}

/// Says as a service that a session's tokens have to end.
pub(crate) async fn revoke(kit: &Testkit, service: &str, person: &Person) -> Reply {
    kit.request_to("token-mgr", Method::POST, &format!("/internal/families/{}/revoke", person.session))
        .from_service(service)
        .json(json!({"tenant": person.tenant, "user": person.user, "expires_at": kit.now().plus(SESSION_LIFETIME)}))
        .send()
        .await
}

/// Everything that the service has announced, as text.
pub(crate) async fn announced(kit: &Testkit) -> String {
    kit.request_to("token-mgr", Method::GET, "/internal/events?after=0&limit=100")
        .from_service("session-mgr")
        .send()
        .await
        .expect(200)
        .text()
}
