//! The organisation.

use axum::extract::State;
use axum::response::IntoResponse;
use nexus_kernel::extract::{IfMatch, Valid, Versioned};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::organisation::{self, Organisation, OrganisationChanges};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(get_organisation, change_organisation))
}

/// Your organisation
#[utoipa::path(
    get,
    path = "/api/users/organisation",
    operation_id = "get_organisation",
    tag = "user-auth",
    responses(
        (status = 200, description = "Your organisation", body = Organisation, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you have no role", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: it is gone", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn get_organisation(State(context): State<Context>, principal: Principal) -> Result<impl IntoResponse, Problem> {
    let organisation = organisation::view(&context, &principal).await?;
    Ok(Versioned { version: organisation.version, body: organisation })
}

/// Change your organisation's name or short name
#[utoipa::path(
    patch,
    path = "/api/users/organisation",
    operation_id = "change_organisation",
    tag = "user-auth",
    params(("If-Match" = String, Header, description = "The `ETag` of the version that this changes", example = "\"1\"")),
    request_body = OrganisationChanges,
    responses(
        (status = 200, description = "Your organisation as changed", body = Organisation, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: it is gone", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`slug-taken`: another organisation has this short name", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: somebody changed it meanwhile", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a field breaks its rule", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: If-Match is missing", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn change_organisation(
    State(context): State<Context>,
    principal: Principal,
    version: IfMatch,
    Valid(changes): Valid<OrganisationChanges>,
) -> Result<impl IntoResponse, Problem> {
    let organisation = organisation::change(&context, principal, version, changes).await?;
    Ok(Versioned { version: organisation.version, body: organisation })
}
