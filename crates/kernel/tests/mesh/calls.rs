//! What a call carries, and what comes back.

use std::time::Duration;

use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use nexus_kernel::layers::{DEADLINE, REQUEST_ID, TRACEPARENT};
use nexus_kernel::mesh::MeshError;
use nexus_kernel::scope::{RequestScope, TraceContext};
use nexus_kernel::{Caller, Problem};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::over_both_transports;
use crate::world::World;

over_both_transports!(
    a_call_says_what_it_wants_and_who_asks_and_gets_its_answer,
    a_problem_is_passed_on_as_it_came,
    an_error_that_is_no_problem_is_told_by_its_status,
    an_answer_that_is_not_what_was_agreed_is_our_fault_and_not_the_clients,
    the_trace_and_the_requests_name_travel_along,
    the_shorter_of_the_scopes_time_and_the_configured_one_travels_along,
    a_call_that_cannot_be_written_is_told_before_it_is_made,
    a_service_that_nobody_knows_is_unavailable,
);

async fn a_call_says_what_it_wants_and_who_asks_and_gets_its_answer(world: World) {
    let echo = post(async |caller: Caller, headers: HeaderMap, Json(body): Json<Value>| {
        let seen = json!({"caller": caller.0, "tag": headers["x-tag"].to_str().unwrap(), "body": body});
        (StatusCode::CREATED, [(header::ETAG, "\"7\"")], Json(seen))
    });
    let world = world.with(Router::new().route("/things/{id}", echo)).await;
    let call = world.callee().post("/things/7?why=so").header("x-tag", "blue").json(&json!({"n": 1}));
    let response = call.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()[header::ETAG], "\"7\"");
    let seen: Value = response.json().await.unwrap();
    assert_eq!(seen, json!({"caller": "caller", "tag": "blue", "body": {"n": 1}}));
}

async fn a_problem_is_passed_on_as_it_came(world: World) {
    let sent = Problem::too_many("slow-down", "wait a little", Duration::from_secs(7)).field("email", "too often");
    let details = sent.details();
    let world = world.with(Router::new().route("/", post(async move || sent))).await;
    let error = world.callee().post("/").send().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::TOO_MANY_REQUESTS));
    let problem = Problem::from(error);
    assert_eq!(problem.details(), details);
    let response = axum::response::IntoResponse::into_response(problem);
    assert_eq!(response.headers()[header::RETRY_AFTER], "7");
}

async fn an_error_that_is_no_problem_is_told_by_its_status(world: World) {
    let world = world.with(Router::new().route("/", get(async || (StatusCode::IM_A_TEAPOT, "short and stout")))).await;
    let error = world.callee().get("/").send().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::IM_A_TEAPOT));
    assert_eq!(Problem::from(error).code(), "refused");
}

async fn an_answer_that_is_not_what_was_agreed_is_our_fault_and_not_the_clients(world: World) {
    let moved = get(async || (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]));
    let router = Router::new().route("/text", get(async || "not json")).route("/moved", moved);
    let world = world.with(router).await;
    let error = world.callee().get("/text").send().await.unwrap().json::<Value>().await.unwrap_err();
    assert!(matches!(error, MeshError::Unreadable { .. }), "{error}");
    assert_eq!(Problem::from(error).status(), StatusCode::INTERNAL_SERVER_ERROR);
    let error = world.callee().get("/moved").send().await.unwrap_err();
    assert!(matches!(error, MeshError::Unreadable { .. }), "{error}");
}

fn headers_router() -> Router {
    let name = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    Router::new().route(
        "/",
        get(async move |headers: HeaderMap| {
            let pairs = [TRACEPARENT, REQUEST_ID, DEADLINE].map(|key| (key, headers.get(key).map(name)));
            Json(pairs.into_iter().collect::<std::collections::HashMap<_, _>>())
        }),
    )
}

async fn headers_seen(world: &World, scope: RequestScope) -> Value {
    let call = async { world.callee().get("/").send().await.unwrap().json::<Value>().await.unwrap() };
    scope.run(call).await
}

async fn the_trace_and_the_requests_name_travel_along(world: World) {
    let world = world.with(headers_router()).await;
    let scope = RequestScope { request_id: "request-7".to_owned(), ..RequestScope::root() };
    let seen = headers_seen(&world, scope.clone()).await;
    assert_eq!(seen[REQUEST_ID], "request-7");
    let trace: TraceContext = seen[TRACEPARENT].as_str().unwrap().parse().unwrap();
    assert_eq!(trace.trace_id, scope.trace.trace_id);
    assert_ne!(trace.span_id, scope.trace.span_id);
}

async fn the_shorter_of_the_scopes_time_and_the_configured_one_travels_along(world: World) {
    let world = world.with(headers_router()).await;
    let within = async |seconds: Option<u64>| {
        let deadline = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let seen = headers_seen(&world, RequestScope { deadline, ..RequestScope::root() }).await;
        seen[DEADLINE].as_str().unwrap().parse::<u64>().unwrap()
    };
    // The configured limit is 15 s.
    let (short, long, none) = (within(Some(5)).await, within(Some(600)).await, within(None).await);
    assert!((1..=5_000).contains(&short), "{short}");
    assert!((5_001..=15_000).contains(&long), "{long}");
    assert!((5_001..=15_000).contains(&none), "{none}");
}

async fn a_call_that_cannot_be_written_is_told_before_it_is_made(world: World) {
    let world = world.with(headers_router()).await;
    for call in [world.callee().get("/ a"), world.callee().get("/").header("no name", "x")] {
        let error = call.send().await.unwrap_err();
        assert!(matches!(error, MeshError::Invalid { .. }), "{error}");
    }
}

async fn a_service_that_nobody_knows_is_unavailable(world: World) {
    let error = world.mesh.to("nobody").get("/").send().await.unwrap_err();
    assert!(matches!(error, MeshError::NoInstance { .. }), "{error}");
    assert_eq!(Problem::from(error).status(), StatusCode::SERVICE_UNAVAILABLE);
}
