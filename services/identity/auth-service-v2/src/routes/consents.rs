//! What people agreed to.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::application::ApplicationId;
use crate::consent::{self, ConsentView};
use crate::error::Error;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list_consents)).routes(routes!(revoke_consent))
}

/// List the applications that may act for you
#[utoipa::path(
    get,
    path = "/api/auth/v2/consents",
    operation_id = "list_consents",
    tag = "auth-service-v2",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The applications, newest first", body = Paged<ConsentView>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_consents(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<ConsentView>>, Problem> {
    Ok(Json(consent::list(&context, &principal, &page).await?))
}

/// Let an application act for you no longer
///
/// Its sessions end, and next time it has to ask again.
#[utoipa::path(
    delete,
    path = "/api/auth/v2/consents/{client_id}",
    operation_id = "revoke_consent",
    tag = "auth-service-v2",
    params(("client_id" = ApplicationId, Path, description = "The application's id")),
    responses(
        (status = 204, description = "It may not act for you any more"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`not-the-person`: the token is an application's", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: you have agreed to nothing for this application", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn revoke_consent(
    State(context): State<Context>,
    principal: Principal,
    Path(client_id): Path<String>,
) -> Result<StatusCode, Problem> {
    let application = client_id.parse().map_err(|_| Error::NoSuchConsent)?;
    consent::revoke(&context, &principal, application).await?;
    Ok(StatusCode::NO_CONTENT)
}
