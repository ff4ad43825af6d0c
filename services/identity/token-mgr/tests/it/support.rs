//! What the tests have in common: tokens that are issued as auth-service asks for them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use nexus_contracts::session_mgr::SESSION_LIFETIME;
use nexus_contracts::token_mgr::IssuedTokens;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::{Value, json};

/// token-mgr alone.
pub(crate) async fn alone(backend: Backend) -> Testkit {
    Testkit::start(backend, vec![token_mgr::service()]).await
}

/// Asks as a service for the tokens of a session that lasts this long.
pub(crate) async fn try_issue(kit: &Testkit, service: &str, person: &Person, lasts: Duration) -> Reply {
    ask(kit, service, "/internal/tokens", issue_request(kit, person, lasts, &Value::Null)).await
}

fn issue_request(kit: &Testkit, person: &Person, lasts: Duration, grant: &Value) -> Value {
    json!({
        "session_id": person.session, "tenant": person.tenant, "user": person.user, "roles": [person.role],
        "expires_at": kit.now().plus(lasts), "authenticated_at": kit.now(), "methods": ["pwd"], "grant": grant,
    })
}

/// Asks an internal route as a service.
pub(crate) async fn ask(kit: &Testkit, service: &str, path: &str, body: Value) -> Reply {
    kit.request_to("token-mgr", Method::POST, path).from_service(service).json(body).send().await
}

/// The tokens of somebody's new session, in which an application may do this.
pub(crate) async fn issue_to(kit: &Testkit, client: &str, scope: &str, key: Option<&str>) -> (Person, IssuedTokens) {
    let person = Person::new(Role::Editor);
    let grant = json!({"client_id": client, "scope": scope, "confirmation": key});
    let request = issue_request(kit, &person, SESSION_LIFETIME, &grant);
    let issued = ask(kit, "auth-service-v2", "/internal/tokens", request).await.expect(200).json();
    (person, issued)
}

/// Trades in an application's refresh token as auth-service-v2 does once it knows who the client is.
pub(crate) async fn refresh_as(kit: &Testkit, token: &str, client: &str, more: Value) -> Reply {
    let mut request = json!({"refresh_token": token, "client_id": client, "confirmation": null, "scope": null});
    request.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    ask(kit, "auth-service-v2", "/internal/refresh", request).await
}

/// What the service says of a token.
pub(crate) async fn introspect(kit: &Testkit, token: &str) -> Value {
    ask(kit, "scheduler", "/internal/tokens/introspect", json!({"token": token})).await.expect(200).value()
}

/// What a signed token says, without asking whether it is good.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
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
