//! HTTP: people's own sessions; start and end for other services.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::post;
use http::StatusCode;
use nexus_contracts::session_mgr::{RevokeSession, RevokeUserSessions, SessionId, StartSession, StartedSession};
use nexus_contracts::{auth_service, user_auth};
use nexus_kernel::extract::{Page, Paged, Valid};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Caller, Context, Principal, Problem, Resource, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::session::{RenameSession, SessionView};
use crate::{sessions, store};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_sessions, end_all_sessions))
        .routes(routes!(end_other_sessions))
        .routes(routes!(rename_session, end_session))
        .route("/internal/sessions", post(start))
        .route("/internal/sessions/{id}/revoke", post(revoke))
        .route("/internal/users/{id}/revoke", post(revoke_user))
}

/// The person's own sessions, all of them, for the policies.
fn own_sessions(principal: &Principal) -> Resource {
    Resource::all("Session", principal.tenant).owner(principal.user)
}

/// List the places where you are signed in
#[utoipa::path(
    get,
    path = "/api/sessions",
    operation_id = "list_sessions",
    tag = "session-mgr",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "Your sessions, newest first", body = Paged<SessionView>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_sessions(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<SessionView>>, Problem> {
    context.authorize(&principal, "list-sessions", &own_sessions(&principal))?;
    let rows = store::page(&context, principal.tenant, principal.user, &page).await?;
    let views = rows.into_iter().map(|session| SessionView::of(session, &principal)).collect();
    Ok(Json(Paged::of(views, &page, SessionView::position)))
}

/// Sign out everywhere
///
/// Ends all of your sessions, the one that asks included.
#[utoipa::path(
    delete,
    path = "/api/sessions",
    operation_id = "end_all_sessions",
    tag = "session-mgr",
    responses(
        (status = 204, description = "All of your sessions have ended"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn end_all_sessions(State(context): State<Context>, principal: Principal) -> Result<StatusCode, Problem> {
    context.authorize(&principal, "end-session", &own_sessions(&principal))?;
    sessions::end_all_own(&context, &principal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out everywhere else
///
/// Ends all of your sessions but the one that asks.
#[utoipa::path(
    delete,
    path = "/api/sessions/others",
    operation_id = "end_other_sessions",
    tag = "session-mgr",
    responses(
        (status = 204, description = "All of your other sessions have ended"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`insufficient-scope`: the token may not do this", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn end_other_sessions(State(context): State<Context>, principal: Principal) -> Result<StatusCode, Problem> {
    context.authorize(&principal, "end-session", &own_sessions(&principal))?;
    sessions::end_others(&context, &principal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Name a device
#[utoipa::path(
    patch,
    path = "/api/sessions/{id}",
    operation_id = "rename_session",
    tag = "session-mgr",
    params(("id" = SessionId, Path, description = "The session's id")),
    request_body = RenameSession,
    responses(
        (status = 200, description = "The session with its new name", body = SessionView),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`insufficient-scope`: the token may not be used here", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: you have no such session", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn rename_session(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    Valid(request): Valid<RenameSession>,
) -> Result<Json<SessionView>, Problem> {
    let id = id.parse().map_err(|_| Error::NoSuchSession)?;
    let session = sessions::rename_own(&context, &principal, id, request.name).await?;
    Ok(Json(SessionView::of(session, &principal)))
}

/// Sign out in one place
#[utoipa::path(
    delete,
    path = "/api/sessions/{id}",
    operation_id = "end_session",
    tag = "session-mgr",
    params(("id" = SessionId, Path, description = "The session's id")),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: you have no such session", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn end_session(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Error::NoSuchSession)?;
    sessions::end_own(&context, &principal, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn start(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<StartSession>,
) -> Result<Json<StartedSession>, Problem> {
    caller.must_be(&[auth_service::SERVICE])?;
    Ok(Json(sessions::start(&context, &request).await?))
}

async fn revoke(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Json(request): Json<RevokeSession>,
) -> Result<StatusCode, Problem> {
    caller.must_be(&[auth_service::SERVICE])?;
    sessions::revoke(&context, id, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke_user(
    State(context): State<Context>,
    caller: Caller,
    Path(user): Path<UserId>,
    Json(request): Json<RevokeUserSessions>,
) -> Result<StatusCode, Problem> {
    caller.must_be(&[user_auth::SERVICE])?;
    sessions::revoke_user(&context, user, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}
