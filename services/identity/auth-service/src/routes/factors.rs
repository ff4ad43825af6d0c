//! People's second factor.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{StatusCode, header};
use nexus_kernel::extract::Valid;
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::client::Client;
use crate::factors::{self, ConfirmRequest, Enrolment, Factors, RecoveryCodes};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(get_factors))
        .routes(routes!(enrol_authenticator, remove_authenticator))
        .routes(routes!(confirm_authenticator))
        .routes(routes!(renew_recovery_codes))
}

/// Your second factor
#[utoipa::path(
    get,
    path = "/api/auth/factors",
    operation_id = "get_factors",
    tag = "auth-service",
    responses(
        (status = 200, description = "What you have besides your password", body = Factors),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`insufficient-scope`", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn get_factors(State(context): State<Context>, principal: Principal) -> Result<impl IntoResponse, Problem> {
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(factors::view(&context, &principal).await?)))
}

/// Begin with an authenticator app
///
/// The secret is shown once. No code is asked for at sign-in before a first one has confirmed it; another call replaces it
/// until then. You must have shown who you are in the last ten minutes.
#[utoipa::path(
    post,
    path = "/api/auth/factors/authenticator",
    operation_id = "enrol_authenticator",
    tag = "auth-service",
    responses(
        (status = 201, description = "What the app has to know", body = Enrolment),
        (status = 401, description = "`insufficient-user-authentication`: see `POST /api/auth/step-up`; `not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`own-session-only`: an application or a long-lived token asks", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`authenticator-exists`: remove it first", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: a part that this needs is not there now", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 504, description = "`timeout`: a part that this needs did not answer in time", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn enrol_authenticator(
    State(context): State<Context>,
    principal: Principal,
) -> Result<impl IntoResponse, Problem> {
    let enrolment = factors::enrol(&context, &principal).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(enrolment)))
}

/// Confirm an authenticator app
///
/// From now on a code is asked for when you sign in. The ten recovery codes of the reply are shown once.
#[utoipa::path(
    post,
    path = "/api/auth/factors/authenticator/confirm",
    operation_id = "confirm_authenticator",
    tag = "auth-service",
    request_body = ConfirmRequest,
    responses(
        (status = 200, description = "It is confirmed", body = RecoveryCodes),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`insufficient-user-authentication`: see `POST /api/auth/step-up`; `not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`wrong-code`; `own-session-only`: an application or a long-lived token asks", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`nothing-to-confirm`: begin with a new one", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: a part that this needs is not there now", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 504, description = "`timeout`: a part that this needs did not answer in time", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn confirm_authenticator(
    State(context): State<Context>,
    principal: Principal,
    client: Client,
    Valid(request): Valid<ConfirmRequest>,
) -> Result<impl IntoResponse, Problem> {
    let codes = factors::confirm(&context, &principal, &client, &request.code).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(codes)))
}

/// Remove your authenticator app
///
/// Your password is enough again, and your recovery codes are gone. You must have shown a code in the last ten minutes.
#[utoipa::path(
    delete,
    path = "/api/auth/factors/authenticator",
    operation_id = "remove_authenticator",
    tag = "auth-service",
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "`insufficient-user-authentication`: see `POST /api/auth/step-up`; `not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`own-session-only`: an application or a long-lived token asks", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: you have none", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn remove_authenticator(
    State(context): State<Context>,
    principal: Principal,
    client: Client,
) -> Result<StatusCode, Problem> {
    factors::remove(&context, &principal, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// New recovery codes
///
/// Those before are good no more. You must have shown a code in the last ten minutes.
#[utoipa::path(
    post,
    path = "/api/auth/factors/recovery-codes",
    operation_id = "renew_recovery_codes",
    tag = "auth-service",
    responses(
        (status = 200, description = "The new codes, shown once", body = RecoveryCodes),
        (status = 401, description = "`insufficient-user-authentication`: see `POST /api/auth/step-up`; `not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`own-session-only`: an application or a long-lived token asks", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: you have no authenticator app", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn renew_recovery_codes(
    State(context): State<Context>,
    principal: Principal,
    client: Client,
) -> Result<impl IntoResponse, Problem> {
    let codes = factors::renew(&context, &principal, &client).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(codes)))
}
