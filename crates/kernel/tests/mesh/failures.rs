//! Retries and circuit breakers.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use http::StatusCode;
use nexus_kernel::Problem;
use nexus_kernel::mesh::MeshError;

use crate::over_both_transports;
use crate::world::{Counter, World};

over_both_transports!(
    a_call_that_is_safe_to_repeat_is_repeated_twice,
    a_call_that_is_not_safe_to_repeat_is_made_once,
    an_answer_that_would_stay_the_same_is_not_asked_for_again,
    an_answer_that_does_not_come_in_time_is_a_timeout,
    a_breaker_opens_then_tries_and_closes,
    a_breaker_opens_again_when_its_trial_fails,
    neither_a_bug_nor_a_health_checks_answer_opens_a_breaker,
    a_failing_instance_leaves_rotation,
);

/// Answers with a status that the test changes.
#[derive(Clone)]
struct Switch {
    status: Arc<AtomicU16>,
    calls: Counter,
}

impl Switch {
    fn new(status: u16) -> Self {
        Self { status: Arc::new(AtomicU16::new(status)), calls: Counter::default() }
    }

    fn set(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn router(&self) -> Router {
        let switch = self.clone();
        Router::new().fallback(any(async move || {
            switch.calls.up();
            StatusCode::from_u16(switch.status.load(Ordering::SeqCst)).unwrap()
        }))
    }
}

/// Is unavailable this often, then works.
fn recovering(failures: usize) -> (Counter, Router) {
    let calls = Counter::default();
    let seen = calls.clone();
    let router = Router::new().fallback(any(async move || {
        if seen.up() <= failures { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    }));
    (calls, router)
}

async fn a_call_that_is_safe_to_repeat_is_repeated_twice(mut world: World) {
    for make in [
        (|world: &World| world.callee().get("/")) as fn(&World) -> _,
        |world: &World| world.callee().put("/"),
        |world: &World| world.callee().delete("/"),
        |world: &World| world.callee().post("/").idempotent(),
    ] {
        let (calls, router) = recovering(2);
        let instance = world.add(router).await;
        assert_eq!(make(&world).send().await.unwrap().status(), StatusCode::OK);
        assert_eq!(calls.get(), 3);
        world.remove(&instance);

        let (calls, router) = recovering(3);
        let instance = world.add(router).await;
        assert_eq!(make(&world).send().await.unwrap_err().status(), Some(StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(calls.get(), 3);
        world.remove(&instance);
    }
}

async fn a_call_that_is_not_safe_to_repeat_is_made_once(world: World) {
    let (calls, router) = recovering(2);
    let world = world.with(router).await;
    assert_eq!(world.callee().post("/").send().await.unwrap_err().status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(world.callee().patch("/").send().await.unwrap_err().status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(calls.get(), 2);
}

async fn an_answer_that_would_stay_the_same_is_not_asked_for_again(world: World) {
    let switch = Switch::new(200);
    let world = world.with(switch.router()).await;
    for (number, status) in [400, 404, 409, 429, 500].into_iter().enumerate() {
        switch.set(status);
        assert_eq!(world.callee().get("/").send().await.unwrap_err().status().unwrap(), status);
        assert_eq!(switch.calls.get(), number + 1);
    }
}

async fn an_answer_that_does_not_come_in_time_is_a_timeout(world: World) {
    let calls = Counter::default();
    let seen = calls.clone();
    let hang = any(async move || {
        seen.up();
        pending::<()>().await;
    });
    let world = world.with(Router::new().fallback(hang)).await;
    let call = world.callee().get("/").timeout(Duration::from_millis(200));
    let problem = Problem::from(call.send().await.unwrap_err());
    assert_eq!((problem.status(), problem.code()), (StatusCode::GATEWAY_TIMEOUT, "timeout"));
    assert_eq!(calls.get(), 1);
    let error = world.callee().get("/").timeout(Duration::ZERO).send().await.unwrap_err();
    assert!(matches!(error, MeshError::Timeout { .. }), "{error}");
    assert_eq!(calls.get(), 1, "no time is left: the call is not made");
}

async fn fail(world: &World, times: usize) {
    for _ in 0..times {
        let error = world.callee().post("/").send().await.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE), "{error}");
    }
}

async fn is_open(world: &World) -> bool {
    matches!(world.callee().post("/").send().await, Err(MeshError::BreakerOpen { .. }))
}

async fn a_breaker_opens_then_tries_and_closes(world: World) {
    let switch = Switch::new(503);
    let world = world.with(switch.router()).await;
    fail(&world, 5).await;
    let error = world.callee().post("/").send().await.unwrap_err();
    assert!(matches!(error, MeshError::BreakerOpen { retry_after, .. } if retry_after == Duration::from_secs(1)));
    assert_eq!(Problem::from(error).status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(switch.calls.get(), 5, "an open breaker lets nothing through");

    switch.set(200);
    world.clock.advance(Duration::from_millis(999));
    assert!(is_open(&world).await);
    world.clock.advance(Duration::from_millis(1));
    for _ in 0..3 {
        world.callee().post("/").send().await.unwrap();
    }
    // Closed: it takes five failures in a row again.
    switch.set(503);
    fail(&world, 5).await;
    assert!(is_open(&world).await);
}

async fn a_breaker_opens_again_when_its_trial_fails(world: World) {
    let switch = Switch::new(503);
    let world = world.with(switch.router()).await;
    fail(&world, 5).await;
    world.clock.advance(Duration::from_secs(30));
    switch.set(200);
    world.callee().post("/").send().await.unwrap();
    switch.set(503);
    fail(&world, 1).await;
    assert!(is_open(&world).await);
}

async fn neither_a_bug_nor_a_health_checks_answer_opens_a_breaker(world: World) {
    let switch = Switch::new(500);
    let world = world.with(switch.router()).await;
    for _ in 0..10 {
        assert_eq!(world.callee().post("/").send().await.unwrap_err().status().unwrap(), 500);
    }
    switch.set(503);
    for _ in 0..10 {
        assert_eq!(world.callee().get("/health/ready").send().await.unwrap_err().status().unwrap(), 503);
    }
    assert_eq!(switch.calls.get(), 20, "nor is a health check repeated");
}

async fn a_failing_instance_leaves_rotation(mut world: World) {
    let (bad, good) = (Switch::new(503), Switch::new(200));
    world.add(bad.router()).await;
    world.add(good.router()).await;
    for _ in 0..60 {
        world.callee().get("/").send().await.unwrap();
    }
    assert_eq!((bad.calls.get(), good.calls.get()), (5, 60));
    bad.set(200);
    world.clock.advance(Duration::from_secs(30));
    for _ in 0..60 {
        world.callee().get("/").send().await.unwrap();
    }
    assert!(bad.calls.get() > 8, "it is back: {}", bad.calls.get());
}
