//! What happens when a service that signing in takes is away.

use nexus_contracts::session_mgr::SessionRevoked;
use nexus_kernel::events::Event;
use nexus_testkit::{Backend, Testkit, eventually};

use crate::on_each_database;
use crate::support::{OWNER, PASSWORD, attempt, set_up};

on_each_database!(an_attempt_that_nobody_could_check_does_not_count, a_session_that_gets_no_tokens_ends_at_once,);

async fn an_attempt_that_nobody_could_check_does_not_count(backend: Backend) {
    let kit = Testkit::start(backend, vec![auth_service::service()]).await;
    for _ in 0..8 {
        assert_eq!(attempt(&kit, OWNER, PASSWORD).await.expect(503).code(), "unavailable");
    }
}

async fn a_session_that_gets_no_tokens_ends_at_once(backend: Backend) {
    // token-mgr is a stand-in here that knows no tokens.
    let services = vec![user_auth::service(), auth_service::service(), session_mgr::service()];
    let kit = Testkit::start(backend, services).await;
    set_up(&kit).await;
    assert_ne!(attempt(&kit, OWNER, PASSWORD).await.status.as_u16(), 200);
    let events = eventually("the session's end is announced", async || {
        let path = "/internal/events?after=0&limit=10";
        let reply = kit.request_to("session-mgr", http::Method::GET, path).from_service("backend-api").send().await;
        Some(reply.expect(200).text()).filter(|text| text.contains(SessionRevoked::TYPE))
    })
    .await;
    assert!(events.contains("never-began"), "{events}");
}
