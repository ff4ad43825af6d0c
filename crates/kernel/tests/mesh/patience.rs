//! How long the mesh waits, in a time that the test's runtime moves.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get};
use bytes::Bytes;
use http::HeaderMap;
use nexus_kernel::Service;
use nexus_kernel::config::MeshConfig;
use nexus_kernel::layers::DEADLINE;
use nexus_kernel::mesh::MeshError;
use nexus_kernel::scope::RequestScope;
use nexus_testkit::{Backend, Testkit};
use utoipa_axum::router::OpenApiRouter;

use crate::world::{World, config};

fn hanging() -> Router {
    Router::new().fallback(any(async || pending::<()>().await))
}

fn upload(pauses: Vec<u64>) -> http::Request<Body> {
    let parts = futures::stream::unfold(pauses.into_iter(), |mut pauses| async move {
        tokio::time::sleep(Duration::from_secs(pauses.next()?)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b"part")), pauses))
    });
    http::Request::post("/").body(Body::from_stream(parts)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_hangs_opens_its_breaker_but_an_impatient_asker_does_not() {
    let config = MeshConfig { breaker_failures: 1, ..config() };
    let world = World::in_process_with(&config).with(hanging()).await;
    for _ in 0..3 {
        let call = world.callee().get("/").timeout(Duration::from_millis(999));
        assert!(matches!(call.send().await, Err(MeshError::Timeout { .. })));
    }
    assert!(matches!(world.callee().get("/").send().await, Err(MeshError::Timeout { .. })));
    assert!(matches!(world.callee().get("/").send().await, Err(MeshError::BreakerOpen { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_upload_may_take_long_as_long_as_it_moves() {
    let count =
        any(async |headers: HeaderMap, body: Bytes| format!("{} {}", body.len(), headers.contains_key(DEADLINE)));
    let world = World::in_process().with(Router::new().fallback(count)).await;
    let response = world.callee().forward(upload(vec![14; 10])).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 64).await.unwrap();
    assert_eq!(body, "40 false", "nor does the service get a deadline that the upload would outlast");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_stands_still_or_is_never_answered_is_a_timeout() {
    let world = World::in_process().with(hanging()).await;
    assert!(matches!(world.callee().forward(upload(vec![1, 1])).await, Err(MeshError::Timeout { .. })));
    let read = any(async |body: Bytes| body);
    let world = World::in_process().with(Router::new().fallback(read)).await;
    assert!(matches!(world.callee().forward(upload(vec![1, 16])).await, Err(MeshError::Timeout { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_begun_may_stream_for_hours() {
    let slow = any(async || upload(vec![3_600; 3]).into_body());
    let world = World::in_process().with(Router::new().fallback(slow)).await;
    let request = http::Request::get("/").body(Body::empty()).unwrap();
    let response = world.callee().forward(request).await.unwrap();
    assert_eq!(axum::body::to_bytes(response.into_body(), 64).await.unwrap(), "partpartpart");
}

#[tokio::test]
async fn only_services_set_deadlines() {
    let patience = get(async || RequestScope::current().unwrap().deadline.is_some().to_string());
    let service = Service::new("scheduler").routes(OpenApiRouter::new().route("/api/patience", patience));
    let kit = Testkit::start(Backend::Sqlite, vec![service]).await;
    let request = || kit.request_to("scheduler", http::Method::GET, "/api/patience").header(DEADLINE, "5000");
    assert_eq!(request().send().await.expect(200).text(), "false");
    assert_eq!(request().from_service("ledger-mgr").send().await.expect(200).text(), "true");
}
