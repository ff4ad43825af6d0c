//! Registration and verification, for people without an account.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use nexus_kernel::extract::Valid;
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::registration::{self, RegistrationRequest, ResendRequest, VerifyRequest};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(register)).routes(routes!(verify)).routes(routes!(resend))
}

/// The request is taken; what there is to say goes to the address by mail.
#[derive(Debug, Serialize, ToSchema)]
struct Accepted {}

/// Register
///
/// The answer is the same whether the address has an account or not. A link to verify it, or a notice, is mailed to it.
#[utoipa::path(
    post,
    path = "/api/auth/register",
    operation_id = "register",
    tag = "user-auth",
    request_body = RegistrationRequest,
    responses(
        (status = 202, description = "Look into your mailbox", body = Accepted),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`registration-closed`: only the owner makes accounts here", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a field breaks its rule; `breached-password`: the password was seen in a breach of another site", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: too many passwords at once", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn register(
    State(context): State<Context>,
    Valid(request): Valid<RegistrationRequest>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    registration::register(&context, request).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted {})))
}

/// Verify an e-mail address
///
/// The token of a mailed link is good once and for 24 hours, and only the newest link of an account is good.
#[utoipa::path(
    post,
    path = "/api/auth/verify",
    operation_id = "verify_email",
    tag = "user-auth",
    request_body = VerifyRequest,
    responses(
        (status = 204, description = "The address is verified; sign in"),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`verification-link-invalid`: unknown, used, replaced or expired; ask for a new one", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn verify(State(context): State<Context>, Valid(request): Valid<VerifyRequest>) -> Result<StatusCode, Problem> {
    registration::verify(&context, &request.token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a new verification link
///
/// The answer is the same whether the address has an account or not; only one that is yet to be verified gets a mail.
#[utoipa::path(
    post,
    path = "/api/auth/verify/resend",
    operation_id = "resend_verification",
    tag = "user-auth",
    request_body = ResendRequest,
    responses(
        (status = 202, description = "Look into your mailbox", body = Accepted),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn resend(
    State(context): State<Context>,
    Valid(request): Valid<ResendRequest>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    registration::request_link(&context, request.email).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted {})))
}
