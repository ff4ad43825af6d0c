//! The front: what a gateway does, without its rules.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use nexus_faults::wire::{FRONT, LISTENER, WRITER};
use nexus_kernel::limit::Quota;
use nexus_kernel::{Context, Problem, Service};

/// So much that nobody is refused: what counts is that each request asks the cache.
const MOST: u32 = 1_000_000;
/// How long the other service may take; a client waits a little longer.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn service() -> Service {
    Service::new(FRONT).front(|routes, context| {
        let passed = Router::new()
            .route("/entries", any(to_writer))
            .route("/entries/{*rest}", any(to_writer))
            .route("/acts", any(to_writer))
            .route("/effects", any(to_listener))
            .route("/effects/{*rest}", any(to_listener))
            .with_state(context.clone());
        routes.merge(passed)
    })
}

async fn to_writer(State(context): State<Context>, request: Request) -> Result<Response, Problem> {
    pass(&context, WRITER, request).await
}

async fn to_listener(State(context): State<Context>, request: Request) -> Result<Response, Problem> {
    pass(&context, LISTENER, request).await
}

async fn pass(context: &Context, service: &str, request: Request<Body>) -> Result<Response, Problem> {
    // A limit that can't be checked refuses nobody, as at the gateway.
    if let Ok(decision) = context.cache.limit("front", Quota::per_second(f64::from(MOST), MOST)).await
        && !decision.allowed
    {
        return Err(Problem::too_many("too-many", "come later", decision.retry_after));
    }
    Ok(context.mesh.to(service).timeout(PATIENCE).forward(request).await?)
}
