//! Authorization requests, for the page where the person answers.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use nexus_kernel::config::Secret;
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, MaybePrincipal, Principal, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorization::cookie_name;
use crate::authorizations::{self, Answer, AuthorizationView};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(get_authorization))
        .routes(routes!(approve_authorization))
        .routes(routes!(deny_authorization))
}

/// The browser that a request comes from, as far as this authorization request is concerned.
fn browser(headers: &HeaderMap, id: &str) -> Option<Secret> {
    let name = cookie_name(id);
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
    let mut pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(cookie, _)| *cookie == name).map(|(_, value)| Secret::from(value))
}

/// An answer has a code in it, so that nobody keeps it.
fn once(answer: Answer) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// What an application asks of you
///
/// For the page that the browser was sent to. The browser must be the one that brought the request.
#[utoipa::path(
    get,
    path = "/api/auth/v2/authorizations/{id}",
    operation_id = "get_authorization",
    tag = "auth-service-v2",
    params(("id" = String, Path, description = "The `request` of the page's address")),
    responses(
        (status = 200, description = "What it asks for", body = AuthorizationView),
        (status = 401, description = "`invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: unknown, answered, too old, or begun in another browser", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
async fn get_authorization(
    State(context): State<Context>,
    MaybePrincipal(principal): MaybePrincipal,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<AuthorizationView>, Problem> {
    let browser = browser(&headers, &id);
    Ok(Json(authorizations::view(&context, &id, browser.as_ref(), principal.as_ref()).await?))
}

/// Say yes to an application
///
/// Remembered, so that the same is not asked twice. For a request with `prompt=none`, what would have to be asked is a refusal.
#[utoipa::path(
    post,
    path = "/api/auth/v2/authorizations/{id}/approve",
    operation_id = "approve_authorization",
    tag = "auth-service-v2",
    params(("id" = String, Path, description = "The `request` of the page's address")),
    responses(
        (status = 200, description = "Where the browser goes now", body = Answer),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`; `insufficient-user-authentication`: sign in again first", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: the application is of another organisation; `not-the-person`: the token is an application's", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: unknown, answered, too old, or begun in another browser", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn approve_authorization(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let browser = browser(&headers, &id);
    Ok(once(authorizations::approve(&context, &id, browser.as_ref(), &principal).await?))
}

/// Say no to an application
///
/// Without a token it says that nobody is signed in, which is what a request with `prompt=none` wants to know.
#[utoipa::path(
    post,
    path = "/api/auth/v2/authorizations/{id}/deny",
    operation_id = "deny_authorization",
    tag = "auth-service-v2",
    params(("id" = String, Path, description = "The `request` of the page's address")),
    responses(
        (status = 200, description = "Where the browser goes now", body = Answer),
        (status = 401, description = "`invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: unknown, answered, too old, or begun in another browser", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
async fn deny_authorization(
    State(context): State<Context>,
    MaybePrincipal(principal): MaybePrincipal,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let browser = browser(&headers, &id);
    Ok(once(authorizations::deny(&context, &id, browser.as_ref(), principal.as_ref()).await?))
}
