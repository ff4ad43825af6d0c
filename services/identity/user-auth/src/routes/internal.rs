//! For other services only.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use http::StatusCode;
use nexus_contracts::auth_service;
use nexus_contracts::user_auth::{
    CheckCredentials, CredentialCheck, FindAccount, Person, SendNotice, SendSignInLink, SetupLink,
};
use nexus_kernel::{Caller, Context, Problem, TenantId, UserId};
use utoipa_axum::router::OpenApiRouter;

use crate::{accounts, credentials, setup, sign_in_mail};

/// The program asks in the name of the gateway, behind which the link leads.
const GATEWAY: &str = "backend-api";

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .route("/internal/credentials/verify", post(check_credentials))
        .route("/internal/accounts/find", post(find_account))
        .route("/internal/mails/sign-in-link", post(send_sign_in_link))
        .route("/internal/mails/notice", post(send_notice))
        .route("/internal/people/{tenant}/{user}", get(person))
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

async fn find_account(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<FindAccount>,
) -> Result<Json<CredentialCheck>, Problem> {
    caller.must_be(&[auth_service::SERVICE])?;
    Ok(Json(sign_in_mail::find(&context, &request.email).await?))
}

async fn send_sign_in_link(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<SendSignInLink>,
) -> Result<StatusCode, Problem> {
    caller.must_be(&[auth_service::SERVICE])?;
    sign_in_mail::send_link(&context, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn send_notice(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<SendNotice>,
) -> Result<StatusCode, Problem> {
    caller.must_be(&[auth_service::SERVICE])?;
    sign_in_mail::send_notice(&context, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn person(
    State(context): State<Context>,
    caller: Caller,
    Path((tenant, user)): Path<(TenantId, UserId)>,
) -> Result<Json<Person>, Problem> {
    caller.must_be(&[auth_service::SERVICE])?;
    Ok(Json(accounts::person(&context, tenant, user).await?))
}

async fn setup_link(State(context): State<Context>, caller: Caller) -> Result<Json<SetupLink>, Problem> {
    caller.must_be(&[GATEWAY])?;
    Ok(Json(setup::link(&context).await?))
}
