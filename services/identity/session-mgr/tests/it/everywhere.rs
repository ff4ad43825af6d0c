//! What has ended stops working everywhere within a second: behind the gateway, and behind another instance of it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use nexus_contracts::session_mgr::StartedSession;
use nexus_contracts::token_mgr::IssuedTokens;
use nexus_kernel::events::LocalCarrier;
use nexus_kernel::{Role, Service};
use nexus_testkit::{Backend, Person, Testkit, eventually};
use serde_json::json;

use crate::on_each_database;
use crate::support::try_start;

on_each_database!(
    an_ended_session_is_refused_everywhere_within_a_second,
    a_revoked_personal_token_is_refused_everywhere_within_a_second,
);

/// How long an end may take to be known.
const SOON: Duration = Duration::from_secs(1);

struct NoConsole;

impl backend_api::Assets for NoConsole {
    fn get(&self, _: &str) -> Option<Cow<'static, [u8]>> {
        None
    }
}

fn services() -> Vec<Service> {
    vec![backend_api::service(Arc::new(NoConsole)), session_mgr::service(), token_mgr::service()]
}

/// All processes on the same state: two, where the state is not one process's own.
async fn processes(backend: Backend) -> Vec<Testkit> {
    let carrier = Arc::new(LocalCarrier::new());
    let first = Testkit::start_carried_by(backend, Arc::clone(&carrier) as _, services()).await;
    match backend {
        Backend::Sqlite => vec![first],
        Backend::Postgres => {
            let second = first.another(carrier, services()).await;
            vec![first, second]
        }
    }
}

async fn sign_in(kit: &Testkit, person: &Person) -> IssuedTokens {
    let started: StartedSession = try_start(kit, person, kit.now()).await.expect(200).json();
    let body = json!({
        "session_id": started.session_id, "tenant": person.tenant, "user": person.user, "roles": [person.role],
        "expires_at": started.expires_at, "authenticated_at": kit.now(), "methods": ["pwd"], "grant": null,
    });
    let asked = kit.request_to("token-mgr", Method::POST, "/internal/tokens").from_service("auth-service");
    asked.json(body).send().await.expect(200).json()
}

async fn status(kit: &Testkit, token: &str) -> u16 {
    kit.get("/api/sessions").bearer(token).send().await.status.as_u16()
}

/// Waits until all refuse the token, and says how long that took.
async fn refused_by_all(kits: &[Testkit], token: &str) -> Duration {
    let began = Instant::now();
    for kit in kits {
        eventually("the token is refused", async || (status(kit, token).await == 401).then_some(())).await;
    }
    began.elapsed()
}

async fn an_ended_session_is_refused_everywhere_within_a_second(backend: Backend) {
    let kits = processes(backend).await;
    let person = Person::new(Role::Member);
    let (here, there) = (sign_in(&kits[0], &person).await, sign_in(&kits[0], &person).await);
    for kit in &kits {
        assert_eq!(status(kit, there.access_token.expose()).await, 200);
    }
    let path = format!("/api/sessions/{}", there.session_id);
    let _ = kits[0].delete(&path).bearer(here.access_token.expose()).send().await.expect(204);
    let took = refused_by_all(&kits, there.access_token.expose()).await;
    assert!(took < SOON, "{took:?}");
    for kit in &kits {
        assert_eq!(status(kit, here.access_token.expose()).await, 200);
    }
}

async fn a_revoked_personal_token_is_refused_everywhere_within_a_second(backend: Backend) {
    let kits = processes(backend).await;
    let here = sign_in(&kits[0], &Person::new(Role::Member)).await;
    let here = here.access_token.expose();
    let wish =
        json!({"name": "x", "scopes": ["session-mgr"], "expires_at": kits[0].now().plus(Duration::from_hours(1))});
    let made = kits[0].post("/api/tokens/personal").bearer(here).json(wish).send().await.expect(201).value();
    let token = made["token"].as_str().unwrap();
    for kit in &kits {
        assert_eq!(status(kit, token).await, 200);
    }
    let path = format!("/api/tokens/personal/{}", made["id"].as_str().unwrap());
    let _ = kits[kits.len() - 1].delete(&path).bearer(here).send().await.expect(204);
    let took = refused_by_all(&kits, token).await;
    assert!(took < SOON, "{took:?}");
}
