//! Columns for other services. Each has keys of its own, which no other can name.

use axum::Json;
use axum::extract::State;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use nexus_kernel::config::Secret;
use nexus_kernel::seal::{OpenColumn, OpenedColumn, SealColumn, SealedColumn, ShredContext};
use nexus_kernel::{Caller, Context, Problem};
use utoipa_axum::router::OpenApiRouter;
use zeroize::Zeroizing;

use super::body::base64;
use crate::columns::{self, ContextKey};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .route("/internal/columns/seal", post(seal))
        .route("/internal/columns/open", post(open))
        .route("/internal/columns/shred", post(shred))
}

async fn seal(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<SealColumn>,
) -> Result<Json<SealedColumn>, Problem> {
    let key = ContextKey::new(&caller.0, &request.context)?;
    let plaintext = base64("plaintext", request.plaintext.expose())?;
    Ok(Json(SealedColumn { sealed: columns::seal(&context, &key, &plaintext).await? }))
}

async fn open(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<OpenColumn>,
) -> Result<Json<OpenedColumn>, Problem> {
    let key = ContextKey::new(&caller.0, &request.context)?;
    let plaintext = columns::open(&context, &key, &request.sealed).await?;
    let plaintext = Zeroizing::new(STANDARD.encode(&*plaintext));
    Ok(Json(OpenedColumn { plaintext: Secret::from(plaintext.as_str()) }))
}

async fn shred(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<ShredContext>,
) -> Result<StatusCode, Problem> {
    columns::shred(&context, &ContextKey::new(&caller.0, &request.context)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
