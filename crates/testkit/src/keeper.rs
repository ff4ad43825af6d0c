//! Seals as key-service would, without a secret: for tests of services that are not about that.

use axum::routing::{get, post};
use axum::{Json, Router};
use nexus_kernel::Problem;
use nexus_kernel::seal::{OpenColumn, OpenedColumn, SealColumn, Sealed, SealedColumn};
use serde_json::json;

/// Answers as key-service does: what was sealed opens in its own context, and nowhere else.
pub(crate) fn key_keeper() -> Router {
    Router::new()
        .route("/internal/columns/seal", post(seal))
        .route("/internal/columns/open", post(open))
        .route("/health/live", get(|| async { Json(json!({"status": "up"})) }))
}

async fn seal(Json(request): Json<SealColumn>) -> Json<SealedColumn> {
    let disguised = format!("test:{}:{}", request.context, request.plaintext.expose());
    Json(SealedColumn { sealed: Sealed(disguised) })
}

async fn open(Json(request): Json<OpenColumn>) -> Result<Json<OpenedColumn>, Problem> {
    let own = format!("test:{}:", request.context);
    match request.sealed.0.strip_prefix(&own) {
        Some(plaintext) => Ok(Json(OpenedColumn { plaintext: plaintext.into() })),
        None => Err(Problem::unprocessable("not-sealed-here", "it was not sealed in this context, or was changed")),
    }
}
