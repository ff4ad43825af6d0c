//! The provider's description of itself.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use nexus_kernel::{Context, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::discovery;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(openid_configuration)).routes(routes!(oauth_authorization_server))
}

/// The provider's description, for `OpenID` Connect clients
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    operation_id = "get_openid_configuration",
    tag = "auth-service-v2",
    responses((status = 200, description = "OpenID Connect Discovery 1.0 section 3; may be kept for five minutes", body = serde_json::Value)),
    security(()),
)]
async fn openid_configuration(State(context): State<Context>) -> Result<Response, Problem> {
    described(&context).await
}

/// The provider's description, for OAuth clients
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    operation_id = "get_oauth_authorization_server",
    tag = "auth-service-v2",
    responses((status = 200, description = "RFC 8414 section 2; may be kept for five minutes", body = serde_json::Value)),
    security(()),
)]
async fn oauth_authorization_server(State(context): State<Context>) -> Result<Response, Problem> {
    described(&context).await
}

async fn described(context: &Context) -> Result<Response, Problem> {
    let document = discovery::document(context).await?;
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], Json(document)).into_response())
}
