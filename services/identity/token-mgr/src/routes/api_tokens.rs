//! HTTP for tokens that are good for months.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{StatusCode, header};
use nexus_contracts::token_mgr::ApiTokenKind;
use nexus_kernel::extract::{Page, Paged, Valid};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Principal, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api_token::{self, ApiTokenView, MadeApiToken, MakePersonalToken, MakeServiceToken};
use crate::error::Error;
use crate::{api_tokens, store};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_personal_tokens, create_personal_token))
        .routes(routes!(revoke_personal_token))
        .routes(routes!(list_service_tokens, create_service_token))
        .routes(routes!(revoke_service_token))
}

/// List your personal access tokens
///
/// The tokens themselves are not kept and can not be shown again.
#[utoipa::path(
    get,
    path = "/api/tokens/personal",
    operation_id = "list_personal_tokens",
    tag = "token-mgr",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "Your tokens, newest first", body = Paged<ApiTokenView>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`insufficient-scope`: the token may not do this", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_personal_tokens(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<ApiTokenView>>, Problem> {
    let kind = ApiTokenKind::Personal;
    context.authorize(&principal, "list-personal-tokens", &api_token::all(kind, &principal))?;
    let tokens = store::page_of_api_tokens(&context, principal.tenant, kind, Some(principal.user), &page).await?;
    Ok(Json(Paged::of(tokens.into_iter().map(ApiTokenView::from).collect(), &page, ApiTokenView::position)))
}

/// Make a personal access token
///
/// For your own programs: it may do what its scopes name, and never more than you may yourself. It is shown this once.
///
/// Its roles follow yours, and it is gone when your account is deactivated. You can have 50.
#[utoipa::path(
    post,
    path = "/api/tokens/personal",
    operation_id = "create_personal_token",
    tag = "token-mgr",
    request_body = MakePersonalToken,
    responses(
        (status = 201, description = "The token", body = MadeApiToken),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`session-needed`: only a session of your own makes tokens", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`too-many-tokens`: revoke one first", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn create_personal_token(
    State(context): State<Context>,
    principal: Principal,
    Valid(request): Valid<MakePersonalToken>,
) -> Result<Response, Problem> {
    let (tx, made) = api_tokens::make_personal(&context, &principal, request).await?;
    reply(tx, made).await
}

/// Revoke a personal access token
///
/// It is refused everywhere within a second.
#[utoipa::path(
    delete,
    path = "/api/tokens/personal/{id}",
    operation_id = "revoke_personal_token",
    tag = "token-mgr",
    params(("id" = Uuid, Path, description = "The token's id")),
    responses(
        (status = 204, description = "The token is gone"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`insufficient-scope`: the token may not be used here", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: you have no such token", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn revoke_personal_token(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    revoke(&context, &principal, ApiTokenKind::Personal, &id).await
}

/// List the tokens of your organisation's programs
///
/// The tokens themselves are not kept and can not be shown again.
#[utoipa::path(
    get,
    path = "/api/tokens/service",
    operation_id = "list_service_tokens",
    tag = "token-mgr",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The tokens, newest first", body = Paged<ApiTokenView>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: for administrators; `insufficient-scope`: the token may not do this", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_service_tokens(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<ApiTokenView>>, Problem> {
    let kind = ApiTokenKind::Service;
    context.authorize(&principal, "list-service-tokens", &api_token::all(kind, &principal))?;
    let tokens = store::page_of_api_tokens(&context, principal.tenant, kind, None, &page).await?;
    Ok(Json(Paged::of(tokens.into_iter().map(ApiTokenView::from).collect(), &page, ApiTokenView::position)))
}

/// Make a token for a program
///
/// The program is somebody of its own in your organisation, with the roles that you give it, none above your own. The token is
/// shown this once, and stays when you leave: whoever saw it can use it until it is revoked. There can be 200.
#[utoipa::path(
    post,
    path = "/api/tokens/service",
    operation_id = "create_service_token",
    tag = "token-mgr",
    request_body = MakeServiceToken,
    responses(
        (status = 201, description = "The token", body = MadeApiToken),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: for administrators; `session-needed`: only a session of your own makes tokens; `role-above-own`: you do not have that role", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`too-many-tokens`: revoke one first", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn create_service_token(
    State(context): State<Context>,
    principal: Principal,
    Valid(request): Valid<MakeServiceToken>,
) -> Result<Response, Problem> {
    let (tx, made) = api_tokens::make_service(&context, &principal, request).await?;
    reply(tx, made).await
}

/// Revoke a program's token
///
/// It is refused everywhere within a second.
#[utoipa::path(
    delete,
    path = "/api/tokens/service/{id}",
    operation_id = "revoke_service_token",
    tag = "token-mgr",
    params(("id" = Uuid, Path, description = "The token's id")),
    responses(
        (status = 204, description = "The token is gone"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`insufficient-scope`: the token may not be used here", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such token, or it is not for you to revoke", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn revoke_service_token(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    revoke(&context, &principal, ApiTokenKind::Service, &id).await
}

/// Nothing keeps this reply, so that the token is nowhere but with whoever made it.
async fn reply(tx: Tx, made: MadeApiToken) -> Result<Response, Problem> {
    tx.commit_reply((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(made))).await
}

async fn revoke(context: &Context, principal: &Principal, kind: ApiTokenKind, id: &str) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Error::NoSuchToken)?;
    api_tokens::revoke(context, principal, kind, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
