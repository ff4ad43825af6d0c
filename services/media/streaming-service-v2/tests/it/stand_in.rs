//! A stand-in for streamcore that does what a test tells it, so that playback can be tested without a transcode.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::{delete, post};
use http::StatusCode;
use nexus_contracts::content_management::ContentId;
use nexus_contracts::streamcore::{JobId, OrderTranscode, OrderedTranscode, SERVICE};
use nexus_kernel::{Context, Problem, Service, TenantId};
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

/// What it was asked, and how it behaves.
#[derive(Debug, Default)]
pub(crate) struct StandIn {
    pub(crate) orders: Mutex<Vec<OrderTranscode>>,
    pub(crate) removals: Mutex<Vec<ContentId>>,
    /// How many calls it still refuses.
    pub(crate) refusals: AtomicUsize,
}

impl StandIn {
    /// Its definition as a service.
    pub(crate) fn service(self: &Arc<Self>) -> Service {
        let shared = Arc::clone(self);
        Service::new(SERVICE).state(move |_| Arc::clone(&shared)).routes(
            OpenApiRouter::new()
                .route("/internal/jobs", post(order))
                .route("/internal/tenants/{tenant}/content/{content_id}", delete(remove)),
        )
    }

    fn answer(&self) -> Result<(), Problem> {
        let left = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() { Err(Problem::unavailable("it is told to be")) } else { Ok(()) }
    }
}

async fn order(
    State(ctx): State<Context>,
    Json(order): Json<OrderTranscode>,
) -> Result<Json<OrderedTranscode>, Problem> {
    let stand_in = ctx.state::<Arc<StandIn>>();
    stand_in.answer()?;
    stand_in.orders.lock().unwrap().push(order);
    Ok(Json(OrderedTranscode { job_id: JobId(Uuid::now_v7()) }))
}

async fn remove(
    State(ctx): State<Context>,
    Path((_, content)): Path<(TenantId, ContentId)>,
) -> Result<StatusCode, Problem> {
    let stand_in = ctx.state::<Arc<StandIn>>();
    stand_in.answer()?;
    stand_in.removals.lock().unwrap().push(content);
    Ok(StatusCode::NO_CONTENT)
}
