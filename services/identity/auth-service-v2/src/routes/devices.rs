//! Devices that wait for a person's answer.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::device::{self, DeviceView};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(get_device)).routes(routes!(approve_device)).routes(routes!(deny_device))
}

/// What a device asks of you
#[utoipa::path(
    get,
    path = "/api/auth/v2/device/{user_code}",
    operation_id = "get_device",
    tag = "auth-service-v2",
    params(("user_code" = String, Path, description = "What the device shows, however it is written", example = "BCDF-GHJK")),
    responses(
        (status = 200, description = "What it asks for", body = DeviceView),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`not-the-person`: the token is an application's", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: no device of your organisation waits with this code", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-codes`: wait", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn get_device(
    State(context): State<Context>,
    principal: Principal,
    Path(user_code): Path<String>,
) -> Result<Json<DeviceView>, Problem> {
    Ok(Json(device::view(&context, &principal, &user_code).await?))
}

/// Say yes to a device
#[utoipa::path(
    post,
    path = "/api/auth/v2/device/{user_code}/approve",
    operation_id = "approve_device",
    tag = "auth-service-v2",
    params(("user_code" = String, Path, description = "What the device shows", example = "BCDF-GHJK")),
    responses(
        (status = 204, description = "The device gets its tokens"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`not-the-person`: the token is an application's", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: no device of your organisation waits with this code", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-codes`: wait", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn approve_device(
    State(context): State<Context>,
    principal: Principal,
    Path(user_code): Path<String>,
) -> Result<StatusCode, Problem> {
    device::approve(&context, &principal, &user_code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Say no to a device
#[utoipa::path(
    post,
    path = "/api/auth/v2/device/{user_code}/deny",
    operation_id = "deny_device",
    tag = "auth-service-v2",
    params(("user_code" = String, Path, description = "What the device shows", example = "BCDF-GHJK")),
    responses(
        (status = 204, description = "The device is told"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`not-the-person`: the token is an application's", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: no device of your organisation waits with this code", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-codes`: wait", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn deny_device(
    State(context): State<Context>,
    principal: Principal,
    Path(user_code): Path<String>,
) -> Result<StatusCode, Problem> {
    device::deny(&context, &principal, &user_code).await?;
    Ok(StatusCode::NO_CONTENT)
}
