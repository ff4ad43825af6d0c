//! For other services only.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::StatusCode;
use nexus_contracts::auth_service::{ApplicationSession, EndSession, StartApplicationSession};
use nexus_contracts::auth_service_v2;
use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::user_auth::Person;
use nexus_kernel::{Caller, Context, Problem, TenantId, UserId};
use utoipa_axum::router::OpenApiRouter;

use crate::hub;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .route("/internal/application-sessions", post(start_application_session))
        .route("/internal/sessions/{session}/end", post(end_session))
        .route("/internal/people/{tenant}/{user}", get(person))
}

async fn start_application_session(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<StartApplicationSession>,
) -> Result<Json<ApplicationSession>, Problem> {
    caller.must_be(&[auth_service_v2::SERVICE])?;
    Ok(Json(hub::start_application_session(&context, request).await?))
}

async fn end_session(
    State(context): State<Context>,
    caller: Caller,
    Path(session): Path<SessionId>,
    Json(request): Json<EndSession>,
) -> Result<StatusCode, Problem> {
    caller.must_be(&[auth_service_v2::SERVICE])?;
    hub::end_session(&context, session, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn person(
    State(context): State<Context>,
    caller: Caller,
    Path((tenant, user)): Path<(TenantId, UserId)>,
) -> Result<Json<Person>, Problem> {
    caller.must_be(&[auth_service_v2::SERVICE])?;
    Ok(Json(hub::person(&context, tenant, user).await?))
}
