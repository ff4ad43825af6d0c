//! The first account.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{StatusCode, header};
use nexus_kernel::extract::{Valid, etag};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::setup::{self, SetupRequest, SetupState};
use crate::user::UserProfile;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(get_setup, set_up))
}

/// Whether this cloud waits for its owner
#[utoipa::path(
    get,
    path = "/api/users/setup",
    operation_id = "get_setup",
    tag = "user-auth",
    responses((status = 200, description = "Whether there is no owner yet", body = SetupState)),
    security(()),
)]
async fn get_setup(State(context): State<Context>) -> Result<impl IntoResponse, Problem> {
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(setup::state(&context).await?)))
}

/// Make the organisation and its owner
///
/// Works once, for whoever has the link that the program prints when it starts. Each start has a new link.
#[utoipa::path(
    post,
    path = "/api/users/setup",
    operation_id = "set_up",
    tag = "user-auth",
    request_body = SetupRequest,
    responses(
        (status = 201, description = "The owner's account; sign in with it", body = UserProfile, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`setup-link-invalid`: not the token of this start", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`setup-done`: there is an owner", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a field breaks its rule; `breached-password`: the password was seen in a breach of another site", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: too many passwords at once", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn set_up(
    State(context): State<Context>,
    Valid(request): Valid<SetupRequest>,
) -> Result<impl IntoResponse, Problem> {
    let owner = setup::set_up(&context, request).await?;
    Ok((StatusCode::CREATED, [etag(owner.version), no_store()], Json(owner)))
}

fn no_store() -> (header::HeaderName, header::HeaderValue) {
    (header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"))
}
