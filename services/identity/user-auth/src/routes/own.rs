//! People's own accounts.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderValue, StatusCode, header};
use nexus_kernel::extract::{IfMatch, Valid};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::reply;
use crate::accounts::{self, PasswordChange};
use crate::export::{self, Export};
use crate::user::{ProfileChanges, UserProfile};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(get_me, update_me)).routes(routes!(change_password)).routes(routes!(export_me))
}

/// Your account
#[utoipa::path(
    get,
    path = "/api/users/me",
    operation_id = "get_me",
    tag = "user-auth",
    responses(
        (status = 200, description = "Your account", body = UserProfile, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your account is gone", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn get_me(State(context): State<Context>, principal: Principal) -> Result<impl IntoResponse, Problem> {
    Ok(reply(accounts::view(&context, &principal, principal.user).await?))
}

/// Change your name
#[utoipa::path(
    patch,
    path = "/api/users/me",
    operation_id = "update_me",
    tag = "user-auth",
    params(("If-Match" = String, Header, description = "The `ETag` of the version that this changes", example = "\"1\"")),
    request_body = ProfileChanges,
    responses(
        (status = 200, description = "Your account as changed", body = UserProfile, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your account is gone", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: somebody changed it meanwhile", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a field breaks its rule", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: If-Match is missing", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn update_me(
    State(context): State<Context>,
    principal: Principal,
    version: IfMatch,
    Valid(changes): Valid<ProfileChanges>,
) -> Result<impl IntoResponse, Problem> {
    Ok(reply(accounts::rename(&context, &principal, version, changes.name).await?))
}

/// Change your password
///
/// Ends all of your sessions, the one that asks included: sign in again with the new password.
#[utoipa::path(
    post,
    path = "/api/users/me/password",
    operation_id = "change_password",
    tag = "user-auth",
    request_body = PasswordChange,
    responses(
        (status = 204, description = "The password has changed; sign in again"),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`wrong-password`: the current password is another", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your account is gone", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a field breaks its rule; `breached-password`: the password was seen in a breach of another site", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait for `Retry-After` seconds", body = ProblemDetails, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
        (status = 503, description = "`unavailable`: too many passwords at once", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn change_password(
    State(context): State<Context>,
    principal: Principal,
    Valid(change): Valid<PasswordChange>,
) -> Result<StatusCode, Problem> {
    accounts::change_password(&context, &principal, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everything that is known of you here
///
/// Your account, your groups, and what a directory says of you. Other services say themselves what they know.
#[utoipa::path(
    get,
    path = "/api/users/me/export",
    operation_id = "export_me",
    tag = "user-auth",
    responses(
        (status = 200, description = "Your data, to be kept as a file", body = Export),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your account is gone", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn export_me(State(context): State<Context>, principal: Principal) -> Result<impl IntoResponse, Problem> {
    let export = export::own(&context, &principal).await?;
    let as_file = HeaderValue::from_static("attachment; filename=\"account.json\"");
    let headers =
        [(header::CACHE_CONTROL, HeaderValue::from_static("no-store")), (header::CONTENT_DISPOSITION, as_file)];
    Ok((headers, Json(export)))
}
