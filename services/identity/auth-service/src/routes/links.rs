//! Links that sign in.

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use http::{StatusCode, header};
use nexus_contracts::token_mgr::TokenReply;
use nexus_kernel::extract::Valid;
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::challenge::ChallengeReply;
use crate::client::Client;
use crate::cookie::Cookie;
use crate::sign_in_link::{self, LinkRequest, LinkSignInRequest};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(ask_for_link)).routes(routes!(log_in_with_link))
}

/// The request is taken; a link goes to the address by mail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignInLinkAccepted)]
struct LinkAccepted {}

/// Ask for a link that signs in
///
/// The answer is the same whether the address has an account or not. The link is good once, for ten minutes, and only in the
/// browser that asked.
#[utoipa::path(
    post,
    path = "/api/auth/sign-in-links",
    operation_id = "ask_for_sign_in_link",
    tag = "auth-service",
    request_body = LinkRequest,
    responses(
        (status = 202, description = "Look into your mailbox", body = LinkAccepted, headers(("Set-Cookie" = String, description = "`nexus_sign_in_link`, without which the link is good for nothing"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn ask_for_link(
    State(context): State<Context>,
    Valid(request): Valid<LinkRequest>,
) -> Result<impl IntoResponse, Problem> {
    let browser = sign_in_link::ask(&context, request.email).await?;
    let set_cookie = Cookie::link().set(&browser, &context.config.public_url);
    let headers = [(header::SET_COOKIE, set_cookie), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::ACCEPTED, AppendHeaders(headers), Json(LinkAccepted {})))
}

/// Sign in with a mailed link
#[utoipa::path(
    post,
    path = "/api/auth/login/link",
    operation_id = "log_in_with_link",
    tag = "auth-service",
    request_body = LinkSignInRequest,
    responses(
        (status = 200, description = "You are signed in", body = TokenReply, headers(("Set-Cookie" = String, description = "`nexus_refresh`, unless the refresh token was asked for in the body; `nexus_device_…`, by which this browser is known from now on; and the end of `nexus_sign_in_link`"))),
        (status = 202, description = "The link is good, and a code has to follow: see `POST /api/auth/login/second-factor`", body = ChallengeReply),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`sign-in-link-invalid`: unknown, used, older than ten minutes, or another browser asked for it", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`sign-in-again`: the account changed at this very moment", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: a part that this needs is not there now", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 504, description = "`timeout`: a part that this needs did not answer in time", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn log_in_with_link(
    State(context): State<Context>,
    client: Client,
    Valid(request): Valid<LinkSignInRequest>,
) -> Result<Response, Problem> {
    let step = sign_in_link::sign_in(&context, &request, &client).await?;
    let spent = (header::SET_COOKIE, Cookie::link().clear(&context.config.public_url));
    let reply = super::first_step(&context, step, request.refresh_token);
    Ok((AppendHeaders([spent]), reply).into_response())
}
