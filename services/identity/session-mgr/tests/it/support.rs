//! What the tests have in common: sessions that start as auth-service starts them.

use std::time::Duration;

use http::Method;
use nexus_contracts::session_mgr::StartedSession;
use nexus_kernel::Timestamp;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::{Value, json};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// session-mgr alone.
pub(crate) async fn alone(backend: Backend) -> Testkit {
    Testkit::start(backend, vec![session_mgr::service()]).await
}

/// Asks for a session of somebody whose account was looked at then.
pub(crate) async fn try_start(kit: &Testkit, person: &Person, authenticated_at: Timestamp) -> Reply {
    try_start_for(kit, person, authenticated_at, None).await
}

/// The same for an application of this name.
pub(crate) async fn try_start_for(
    kit: &Testkit,
    person: &Person,
    authenticated_at: Timestamp,
    client: Option<&str>,
) -> Reply {
    kit.request_to("session-mgr", Method::POST, "/internal/sessions")
        .from_service("auth-service")
        .json(json!({
            "tenant": person.tenant, "user": person.user, "authenticated_at": authenticated_at,
            "user_agent": FIREFOX, "address": "203.0.113.7", "methods": ["pwd", "otp", "mfa"], "client": client,
        }))
        .send()
        .await
}

/// The same person, in a new session. Time goes on, so that sessions have an order.
pub(crate) async fn start(kit: &Testkit, person: &Person) -> Person {
    kit.clock.advance(Duration::from_millis(5));
    let started: StartedSession = try_start(kit, person, kit.now()).await.expect(200).json();
    Person { session: started.session_id.0, ..person.clone() }
}

/// The same person, in a new session of an application.
pub(crate) async fn start_for(kit: &Testkit, person: &Person, client: &str) -> Person {
    kit.clock.advance(Duration::from_millis(5));
    let started: StartedSession = try_start_for(kit, person, kit.now(), Some(client)).await.expect(200).json();
    Person { session: started.session_id.0, ..person.clone() }
}

/// The sessions that somebody sees.
pub(crate) async fn sessions(kit: &Testkit, person: &Person) -> Vec<Value> {
    let list = kit.get("/api/sessions").bearer(kit.token(person)).send().await.expect(200).value();
    list["items"].as_array().unwrap().clone()
}

/// Ends a session by its id.
pub(crate) async fn end(kit: &Testkit, who: &Person, id: impl ToString) -> Reply {
    kit.delete(&format!("/api/sessions/{}", id.to_string())).bearer(kit.token(who)).send().await
}

/// Says as a service that all of a person's sessions have to end.
pub(crate) async fn revoke_user(kit: &Testkit, service: &str, person: &Person, before: Timestamp) -> Reply {
    kit.request_to("session-mgr", Method::POST, &format!("/internal/users/{}/revoke", person.user))
        .from_service(service)
        .json(json!({"tenant": person.tenant, "authenticated_before": before, "reason": "roles-changed"}))
        .send()
        .await
}

/// Everything that the service has announced, as text.
pub(crate) async fn announced(kit: &Testkit) -> String {
    kit.request_to("session-mgr", Method::GET, "/internal/events?after=0&limit=100")
        .from_service("backend-api")
        .send()
        .await
        .expect(200)
        .text()
}
