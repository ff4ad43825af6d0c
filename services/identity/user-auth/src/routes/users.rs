//! Accounts, for those who run the organisation.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use nexus_kernel::extract::{IfMatch, Page, Paged, Valid};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Resource, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{reply, user_id};
use crate::user::{Activity, RolesRequest, UserProfile};
use crate::{accounts, erasure, store};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_users))
        .routes(routes!(get_user, erase_user))
        .routes(routes!(change_roles))
        .routes(routes!(deactivate_user))
        .routes(routes!(reactivate_user))
}

/// List the people of your organisation
#[utoipa::path(
    get,
    path = "/api/users",
    operation_id = "list_users",
    tag = "user-auth",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The people, newest first", body = Paged<UserProfile>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_users(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<UserProfile>>, Problem> {
    context.authorize(&principal, "list-users", &Resource::all("Account", principal.tenant))?;
    let users = store::users(&context, principal.tenant, &page).await?;
    let profiles = users.into_iter().map(UserProfile::from).collect();
    Ok(Json(Paged::of(profiles, &page, UserProfile::position)))
}

/// One person of your organisation
#[utoipa::path(
    get,
    path = "/api/users/{id}",
    operation_id = "get_user",
    tag = "user-auth",
    params(("id" = UserId, Path, description = "The account's id")),
    responses(
        (status = 200, description = "The account", body = UserProfile, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: it is not yours, and you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such user", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn get_user(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok(reply(accounts::view(&context, &principal, user_id(&id)?).await?))
}

/// Say what a person may do
///
/// Ends all of the person's sessions, as they carry the old roles. Only owners make owners and take that role away, and the
/// last owner stays.
#[utoipa::path(
    put,
    path = "/api/users/{id}/roles",
    operation_id = "change_roles",
    tag = "user-auth",
    params(
        ("id" = UserId, Path, description = "The account's id"),
        ("If-Match" = String, Header, description = "The `ETag` of the version that this changes", example = "\"1\""),
    ),
    request_body = RolesRequest,
    responses(
        (status = 200, description = "The account as changed", body = UserProfile, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin; `owner-only`: only an owner may do this", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such user", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`last-owner`: nobody else is owner; `email-not-verified`: an owner's address must be verified", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: somebody changed it meanwhile", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: no role, or one that does not exist", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: If-Match is missing", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn change_roles(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    version: IfMatch,
    Valid(request): Valid<RolesRequest>,
) -> Result<impl IntoResponse, Problem> {
    Ok(reply(accounts::change_roles(&context, principal, user_id(&id)?, version, request.roles).await?))
}

/// Deactivate an account
///
/// Nobody can sign in to it from now on, and its sessions end. Only owners deactivate owners, and the last owner stays.
#[utoipa::path(
    post,
    path = "/api/users/{id}/deactivate",
    operation_id = "deactivate_user",
    tag = "user-auth",
    params(("id" = UserId, Path, description = "The account's id")),
    responses(
        (status = 200, description = "The account, deactivated", body = UserProfile, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin; `owner-only`: only an owner may do this", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such user", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`last-owner`: nobody else is owner", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: somebody changed it at the same moment", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn deactivate_user(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok(reply(accounts::set_activity(&context, principal, user_id(&id)?, Activity::Deactivated).await?))
}

/// Reactivate an account
///
/// Its person can sign in again. Only owners reactivate owners.
#[utoipa::path(
    post,
    path = "/api/users/{id}/reactivate",
    operation_id = "reactivate_user",
    tag = "user-auth",
    params(("id" = UserId, Path, description = "The account's id")),
    responses(
        (status = 200, description = "The account, active", body = UserProfile, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin; `owner-only`: only an owner may do this", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such user", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: somebody changed it at the same moment", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn reactivate_user(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok(reply(accounts::set_activity(&context, principal, user_id(&id)?, Activity::Active).await?))
}

/// Erase an account
///
/// The account and all that it says of the person are gone for good, and its sessions end; other services are told to forget
/// the person too. Only owners erase owners, and the last owner stays.
#[utoipa::path(
    delete,
    path = "/api/users/{id}",
    operation_id = "erase_user",
    tag = "user-auth",
    params(("id" = UserId, Path, description = "The account's id")),
    responses(
        (status = 204, description = "The account is gone"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin; `owner-only`: only an owner may do this", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such user", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`last-owner`: nobody else is owner", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: somebody changed it at the same moment", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn erase_user(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    erasure::erase(&context, principal, user_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
