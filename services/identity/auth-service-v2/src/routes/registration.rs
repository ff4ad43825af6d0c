//! Registration by applications themselves, and the tokens that it needs.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use nexus_kernel::auth::bearer;
use nexus_kernel::extract::{Page, Paged, Valid};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::oauth_error::{Code, OAuthError, OAuthErrorBody};
use crate::registration::{
    self, Metadata, NewRegistrationToken, RegistrationToken, RegistrationTokenId, RegistrationTokenRequest,
};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(list_registration_tokens, create_registration_token))
        .routes(routes!(delete_registration_token))
}

/// Register an application by itself
///
/// RFC 7591, with a registration token that an admin made as `Authorization: Bearer`; without one nobody can.
#[utoipa::path(
    post,
    path = "/oauth2/register",
    operation_id = "register_application",
    tag = "auth-service-v2",
    request_body = Metadata,
    responses(
        (status = 201, description = "What is now known of it, with its secret", body = serde_json::Value),
        (status = 400, description = "`invalid_client_metadata`, `invalid_redirect_uri`", body = OAuthErrorBody),
        (status = 401, description = "`invalid_token`", body = OAuthErrorBody),
    ),
    security(()),
)]
async fn register(
    State(context): State<Context>,
    headers: HeaderMap,
    metadata: Result<Json<Metadata>, JsonRejection>,
) -> Result<Response, OAuthError> {
    let token = bearer(&headers).ok().flatten();
    let token = token.ok_or_else(|| OAuthError::invalid_token("send a registration token as Authorization: Bearer"))?;
    let Json(metadata) = metadata.map_err(|why| OAuthError::new(Code::InvalidClientMetadata, why.body_text()))?;
    let registered = registration::register(&context, token, metadata).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(registered)).into_response())
}

/// List the tokens with which applications register themselves
#[utoipa::path(
    get,
    path = "/api/auth/v2/registration-tokens",
    operation_id = "list_registration_tokens",
    tag = "auth-service-v2",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The tokens that are still good, newest first", body = Paged<RegistrationToken>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_registration_tokens(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<RegistrationToken>>, Problem> {
    Ok(Json(registration::list(&context, &principal, &page).await?))
}

/// Make a token with which applications register themselves
#[utoipa::path(
    post,
    path = "/api/auth/v2/registration-tokens",
    operation_id = "create_registration_token",
    tag = "auth-service-v2",
    request_body = RegistrationTokenRequest,
    responses(
        (status = 201, description = "The token, shown this once", body = NewRegistrationToken),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn create_registration_token(
    State(context): State<Context>,
    principal: Principal,
    Valid(request): Valid<RegistrationTokenRequest>,
) -> Result<Response, Problem> {
    let made = registration::make(&context, &principal, request).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(made)).into_response())
}

/// Take back a token with which applications register themselves
#[utoipa::path(
    delete,
    path = "/api/auth/v2/registration-tokens/{id}",
    operation_id = "delete_registration_token",
    tag = "auth-service-v2",
    params(("id" = RegistrationTokenId, Path, description = "The token's id")),
    responses(
        (status = 204, description = "It is not good any more"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such token", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn delete_registration_token(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Error::NoSuchToken)?;
    registration::delete(&context, &principal, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
