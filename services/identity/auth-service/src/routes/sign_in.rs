//! Signing in, in one step or two, and out.

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use http::{StatusCode, header};
use nexus_contracts::token_mgr::{RefreshCookie, TokenReply, TokenType};
use nexus_kernel::config::Secret;
use nexus_kernel::extract::Valid;
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::challenge::ChallengeReply;
use crate::client::Client;
use crate::sign_in::{self, SecondFactorRequest, SignInRequest};
use crate::step_up::{self, StepUpRequest};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(log_in))
        .routes(routes!(send_second_factor))
        .routes(routes!(step_up))
        .routes(routes!(log_out))
}

/// Sign in
///
/// The answer to a wrong password and to an address without an account is the same. After five failures in a row an account
/// has to wait 30 seconds, and twice as long after each further one, up to 15 minutes. A browser that signed in to the account
/// before has five of its own; everybody else shares five for the account in their network, twenty for the account from
/// everywhere, and thirty in their network, where no more than ten accounts may fail.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    operation_id = "log_in",
    tag = "auth-service",
    request_body = SignInRequest,
    responses(
        (status = 200, description = "You are signed in", body = TokenReply, headers(("Set-Cookie" = String, description = "`nexus_refresh`, unless the refresh token was asked for in the body; and `nexus_device_…`, by which this browser is known from now on"))),
        (status = 202, description = "The password is right, and a code has to follow: see `POST /api/auth/login/second-factor`", body = ChallengeReply),
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
) -> Result<Response, Problem> {
    let delivery = request.refresh_token;
    let step = sign_in::sign_in(&context, request, &client).await?;
    Ok(super::first_step(&context, step, delivery))
}

/// Sign in: the second step
///
/// With a code of the authenticator app, or a recovery code. Each code is good once; a challenge bears five of them.
#[utoipa::path(
    post,
    path = "/api/auth/login/second-factor",
    operation_id = "log_in_with_second_factor",
    tag = "auth-service",
    request_body = SecondFactorRequest,
    responses(
        (status = 200, description = "You are signed in", body = TokenReply, headers(("Set-Cookie" = String, description = "`nexus_refresh`, unless the refresh token was asked for in the body; and `nexus_device_…`, by which this browser is known from now on"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`challenge-invalid`: unknown, used, older than five minutes, or five codes were wrong; begin again", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`wrong-code`: the code is wrong, or was used before", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`sign-in-again`: the account changed since the first step", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "`locked`: too many codes were wrong; wait for `Retry-After` seconds", body = ProblemDetails, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
        (status = 503, description = "`unavailable`: a part that this needs is not there now", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 504, description = "`timeout`: a part that this needs did not answer in time", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn send_second_factor(
    State(context): State<Context>,
    client: Client,
    Valid(request): Valid<SecondFactorRequest>,
) -> Result<Response, Problem> {
    let signed_in = sign_in::second_step(&context, &request, &client).await?;
    Ok(super::tokens(&context, signed_in, request.refresh_token))
}

/// An access token that says that you have just shown who you are. The refresh token stays as it is.
#[derive(Debug, Serialize, ToSchema)]
struct StepUpReply {
    /// Send it as `Authorization: Bearer`.
    #[schema(value_type = String, example = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl")]
    access_token: Secret,
    /// Always `Bearer`.
    token_type: TokenType,
    /// How long it is good, in seconds.
    #[schema(minimum = 0, maximum = 300, example = 300)]
    expires_in: u64,
}

/// Show again who you are
///
/// What changes how you sign in asks for a sign-in of the last minutes (401 `insufficient-user-authentication`). This gives a
/// token of the same session that says so: for a code where you have an authenticator app, else for your password.
#[utoipa::path(
    post,
    path = "/api/auth/step-up",
    operation_id = "step_up",
    tag = "auth-service",
    request_body = StepUpRequest,
    responses(
        (status = 200, description = "The token", body = StepUpReply),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`wrong-password`, `wrong-code`, or `own-session-only`: an application or a long-lived token asks", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`code-needed`, `password-needed` or `validation-failed`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "`locked`: too many attempts failed in this session; wait for `Retry-After` seconds", body = ProblemDetails, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
        (status = 503, description = "`unavailable`: a part that this needs is not there now", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 504, description = "`timeout`: a part that this needs did not answer in time", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn step_up(
    State(context): State<Context>,
    principal: Principal,
    client: Client,
    Valid(request): Valid<StepUpRequest>,
) -> Result<impl IntoResponse, Problem> {
    let issued = step_up::step_up(&context, &principal, &request, &client).await?;
    let reply =
        StepUpReply { access_token: issued.access_token, token_type: TokenType::Bearer, expires_in: issued.expires_in };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(reply)))
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
async fn log_out(
    State(context): State<Context>,
    principal: Principal,
    client: Client,
) -> Result<impl IntoResponse, Problem> {
    sign_in::sign_out(&context, &principal, &client).await?;
    let cleared = RefreshCookie::of(&context.config.public_url).clear();
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cleared)])))
}
