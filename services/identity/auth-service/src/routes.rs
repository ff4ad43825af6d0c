//! HTTP: sign in, sign out.

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use http::{StatusCode, header};
use nexus_contracts::token_mgr::{RefreshCookie, TokenReply};
use nexus_kernel::extract::Valid;
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::client::Client;
use crate::sign_in::{self, SignInRequest};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(log_in)).routes(routes!(log_out))
}

/// Sign in
///
/// The answer to a wrong password and to an address without an account is the same. After five failures in a row an account
/// has to wait 30 seconds, and twice as long after each further one, up to 15 minutes; a network after thirty.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    operation_id = "log_in",
    tag = "auth-service",
    request_body = SignInRequest,
    responses(
        (status = 200, description = "You are signed in", body = TokenReply, headers(("Set-Cookie" = String, description = "`nexus_refresh`, unless the refresh token was asked for in the body"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`invalid-credentials`: the address or the password is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`email-not-verified`: open the link that was mailed to you first", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`sign-in-again`: the account changed at this very moment", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "`locked`: too many attempts failed; wait for `Retry-After` seconds", body = ProblemDetails, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
        (status = 503, description = "`unavailable`: a part that this needs is not there now", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 504, description = "`timeout`: a part that this needs did not answer in time", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn log_in(
    State(context): State<Context>,
    client: Client,
    Valid(request): Valid<SignInRequest>,
) -> Result<impl IntoResponse, Problem> {
    let delivery = request.refresh_token;
    let issued = sign_in::sign_in(&context, request, &client).await?;
    let (reply, set_cookie) = issued.deliver(delivery, RefreshCookie::of(&context.config.public_url));
    let set_cookie = AppendHeaders(set_cookie.map(|value| (header::SET_COOKIE, value)));
    Ok(([(header::CACHE_CONTROL, "no-store")], set_cookie, Json(reply)))
}

/// Sign out
///
/// Ends the session that asks, and removes a browser's refresh token.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    operation_id = "log_out",
    tag = "auth-service",
    responses(
        (status = 204, description = "The session has ended", headers(("Set-Cookie" = String, description = "Removes `nexus_refresh`"))),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: a part that this needs is not there now", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 504, description = "`timeout`: a part that this needs did not answer in time", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn log_out(State(context): State<Context>, principal: Principal) -> Result<impl IntoResponse, Problem> {
    sign_in::sign_out(&context, &principal).await?;
    let cleared = RefreshCookie::of(&context.config.public_url).clear();
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cleared)])))
}
