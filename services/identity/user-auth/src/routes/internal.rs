//! For other services only.

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};
use nexus_contracts::auth_service;
use nexus_contracts::user_auth::{CheckCredentials, CredentialCheck, SetupLink};
use nexus_kernel::{Caller, Context, Problem};
use utoipa_axum::router::OpenApiRouter;

use crate::{credentials, setup};

/// The program asks in the name of the gateway, behind which the link leads.
const GATEWAY: &str = "backend-api";

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .route("/internal/credentials/verify", post(check_credentials))
        .route("/internal/setup-link", get(setup_link))
}

async fn check_credentials(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<CheckCredentials>,
) -> Result<Json<CredentialCheck>, Problem> {
    caller.must_be(&[auth_service::SERVICE])?;
    Ok(Json(credentials::check(&context, &request).await?))
}

async fn setup_link(State(context): State<Context>, caller: Caller) -> Result<Json<SetupLink>, Problem> {
    caller.must_be(&[GATEWAY])?;
    Ok(Json(setup::link(&context).await?))
}
