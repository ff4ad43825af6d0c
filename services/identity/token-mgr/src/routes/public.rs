//! HTTP for everybody: refresh, and the public keys.

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use http::header;
use nexus_contracts::token_mgr::{RefreshCookie, TokenReply};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::keys::{CACHED_SECONDS, KeyRing};
use crate::presented::{Presented, RefreshRequest};
use crate::tokens;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(refresh)).routes(routes!(public_keys))
}

/// Trade a refresh token for a new pair of tokens
///
/// Each refresh token is good once. When one comes a second time, somebody has a copy: its session ends at once.
#[utoipa::path(
    post,
    path = "/api/tokens/refresh",
    operation_id = "refresh_tokens",
    tag = "token-mgr",
    request_body(content = Option<RefreshRequest>, description = "Absent when the token is in the cookie `nexus_refresh`."),
    responses(
        (status = 200, description = "The next pair; the refresh token goes the way that it came", body = TokenReply),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`invalid-refresh-token`: unknown, spent, revoked or expired", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a wrong or unknown field", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn refresh(State(context): State<Context>, presented: Presented) -> Result<Response, Problem> {
    let cookie = RefreshCookie::of(&context.config.public_url);
    let refreshed = match presented.token() {
        Ok(token) => tokens::refresh(&context, &token).await,
        Err(error) => Err(error),
    };
    match refreshed {
        Ok(issued) => {
            let (reply, set_cookie) = issued.deliver(presented.delivery, cookie);
            let set_cookie = AppendHeaders(set_cookie.map(|value| (header::SET_COOKIE, value)));
            Ok(([(header::CACHE_CONTROL, "no-store")], set_cookie, Json(reply)).into_response())
        }
        // A browser drops a token that is no longer good.
        Err(error @ Error::InvalidRefreshToken) => {
            Ok((AppendHeaders([(header::SET_COOKIE, cookie.clear())]), Problem::from(error)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// The public keys that access tokens and ID tokens are signed with
///
/// A JSON Web Key Set (RFC 7517). A new key is here before it signs, an old one until its last token has expired.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "get_public_keys",
    tag = "token-mgr",
    responses((status = 200, description = "The key set; may be kept for five minutes", body = serde_json::Value, example = json!({
        "keys": [{"kty": "OKP", "use": "sig", "alg": "EdDSA", "kid": "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11", "crv": "Ed25519",
                  "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]
    }))),
    security(()),
)]
async fn public_keys(State(context): State<Context>) -> Result<Response, Problem> {
    let keys = context.state::<KeyRing>().published(&context).await?;
    let cache = format!("public, max-age={CACHED_SECONDS}");
    Ok(([(header::CACHE_CONTROL, cache)], Json(keys)).into_response())
}
