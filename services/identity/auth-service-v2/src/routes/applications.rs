//! Applications, for those who run the organisation.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use nexus_kernel::config::Secret;
use nexus_kernel::extract::{IfMatch, Page, Paged, Valid, Versioned, etag};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Resource};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::application::{Application, ApplicationId, Definition};
use crate::application_view::{ApplicationView, WithSecret};
use crate::error::Error;
use crate::{applications, store};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_applications, create_application))
        .routes(routes!(get_application, replace_application, delete_application))
        .routes(routes!(rotate_application_secret))
}

/// An organisation's applications, for the policies.
fn all(principal: &Principal) -> Resource {
    Resource::all("Application", principal.tenant)
}

fn application_id(text: &str) -> Result<ApplicationId, Error> {
    text.parse().map_err(|_| Error::NoSuchApplication)
}

/// An application with the secret that it got just now.
fn shown(status: StatusCode, application: Application, secret: Option<Secret>) -> Response {
    let tag = etag(application.version);
    let body = WithSecret { application: application.into(), client_secret: secret };
    (status, [tag], [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// List applications
#[utoipa::path(
    get,
    path = "/api/auth/v2/applications",
    operation_id = "list_applications",
    tag = "auth-service-v2",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The applications, newest first", body = Paged<ApplicationView>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_applications(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<ApplicationView>>, Problem> {
    context.authorize(&principal, "list-applications", &all(&principal))?;
    let rows = store::applications::page(&context, principal.tenant, &page).await?;
    let views = rows.into_iter().map(ApplicationView::from).collect();
    Ok(Json(Paged::of(views, &page, ApplicationView::position)))
}

/// Make an application
///
/// Its secret, if it has one, is in the reply and nowhere else.
#[utoipa::path(
    post,
    path = "/api/auth/v2/applications",
    operation_id = "create_application",
    tag = "auth-service-v2",
    request_body = Definition,
    responses(
        (status = 201, description = "The application, with its secret", body = WithSecret, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`too-many-applications`: there are a thousand", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field, or fields that do not fit together", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn create_application(
    State(context): State<Context>,
    principal: Principal,
    Valid(definition): Valid<Definition>,
) -> Result<Response, Problem> {
    context.authorize(&principal, "manage-applications", &all(&principal))?;
    let mut tx = context.store.begin(principal.tenant).await?;
    let (application, secret) =
        applications::make(&context, &mut tx, principal.tenant, definition, &principal.roles).await?;
    tx.commit().await?;
    Ok(shown(StatusCode::CREATED, application, secret))
}

/// One application
#[utoipa::path(
    get,
    path = "/api/auth/v2/applications/{id}",
    operation_id = "get_application",
    tag = "auth-service-v2",
    params(("id" = ApplicationId, Path, description = "The application's id")),
    responses(
        (status = 200, description = "The application", body = ApplicationView, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such application", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn get_application(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Versioned<ApplicationView>, Problem> {
    context.authorize(&principal, "view-application", &all(&principal))?;
    let application = applications::view(&context, &principal, application_id(&id)?).await?;
    Ok(Versioned { version: application.version, body: application.into() })
}

/// Say anew what an application is
///
/// When it shows who it is by a secret from now on and did not before, the secret is in the reply.
#[utoipa::path(
    put,
    path = "/api/auth/v2/applications/{id}",
    operation_id = "replace_application",
    tag = "auth-service-v2",
    params(
        ("id" = ApplicationId, Path, description = "The application's id"),
        ("If-Match" = String, Header, description = "The `ETag` of the version that this changes", example = "\"1\""),
    ),
    request_body = Definition,
    responses(
        (status = 200, description = "The application as changed", body = WithSecret, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin; `above-you`: it may do more than you", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such application", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: somebody changed it meanwhile", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field, or fields that do not fit together", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: If-Match is missing", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn replace_application(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    version: IfMatch,
    Valid(definition): Valid<Definition>,
) -> Result<Response, Problem> {
    context.authorize(&principal, "manage-applications", &all(&principal))?;
    let (application, secret) =
        applications::replace(&context, &principal, application_id(&id)?, version, definition).await?;
    Ok(shown(StatusCode::OK, application, secret))
}

/// Remove an application
///
/// Whatever it does for people ends.
#[utoipa::path(
    delete,
    path = "/api/auth/v2/applications/{id}",
    operation_id = "delete_application",
    tag = "auth-service-v2",
    params(("id" = ApplicationId, Path, description = "The application's id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin; `above-you`: it may do more than you", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such application", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn delete_application(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    context.authorize(&principal, "manage-applications", &all(&principal))?;
    applications::delete(&context, &principal, application_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give an application a new secret
///
/// The old one is refused from now on; the new one is in the reply and nowhere else.
#[utoipa::path(
    post,
    path = "/api/auth/v2/applications/{id}/secret",
    operation_id = "rotate_application_secret",
    tag = "auth-service-v2",
    params(("id" = ApplicationId, Path, description = "The application's id")),
    responses(
        (status = 200, description = "The application, with its secret", body = WithSecret, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin; `above-you`: it may do more than you", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such application", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`no-secret`: it has none", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: somebody changed it at this moment", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn rotate_application_secret(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    context.authorize(&principal, "manage-applications", &all(&principal))?;
    let (application, secret) = applications::rotate_secret(&context, &principal, application_id(&id)?).await?;
    Ok(shown(StatusCode::OK, application, secret))
}
