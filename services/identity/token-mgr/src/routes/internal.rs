//! HTTP for other services: each door is open to those that it names.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::post;
use http::StatusCode;
use nexus_contracts::session_mgr::{self, SessionId};
use nexus_contracts::token_mgr::{
    AccountChanged, Introspect, Introspection, IssueAccessToken, IssueTokens, IssuedAccessToken, IssuedTokens,
    RefreshGrant, RefreshedGrant, RevokeFamily, RevokeToken, SignIdToken, SignedIdToken, StepUp,
};
use nexus_contracts::{auth_service, auth_service_v2};
use nexus_kernel::{Caller, Context, Problem, UserId};
use utoipa_axum::router::OpenApiRouter;

use crate::{api_tokens, grant, id_token, introspection, revocation, tokens};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .route("/internal/tokens", post(issue))
        .route("/internal/tokens/introspect", post(introspect))
        .route("/internal/tokens/revoke", post(revoke_token))
        .route("/internal/refresh", post(refresh_grant))
        .route("/internal/step-up", post(step_up))
        .route("/internal/access-tokens", post(issue_access_token))
        .route("/internal/id-tokens", post(sign_id_token))
        .route("/internal/accounts/{user}/changed", post(account_changed))
        .route("/internal/families/{session}/revoke", post(revoke_family))
}

async fn issue(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<IssueTokens>,
) -> Result<Json<IssuedTokens>, Problem> {
    caller.must_be(&[auth_service::SERVICE, auth_service_v2::SERVICE])?;
    Ok(Json(tokens::issue(&context, request).await?))
}

/// Every service verifies the tokens that it is shown.
async fn introspect(
    State(context): State<Context>,
    _: Caller,
    Json(request): Json<Introspect>,
) -> Result<Json<Introspection>, Problem> {
    Ok(Json(introspection::introspect(&context, &request.token).await?))
}

async fn revoke_token(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<RevokeToken>,
) -> Result<StatusCode, Problem> {
    caller.must_be(&[auth_service_v2::SERVICE])?;
    revocation::revoke(&context, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn refresh_grant(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<RefreshGrant>,
) -> Result<Json<RefreshedGrant>, Problem> {
    caller.must_be(&[auth_service_v2::SERVICE])?;
    Ok(Json(tokens::refresh_grant(&context, &request).await?))
}

async fn step_up(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<StepUp>,
) -> Result<Json<IssuedAccessToken>, Problem> {
    caller.must_be(&[auth_service::SERVICE])?;
    Ok(Json(tokens::step_up(&context, request).await?))
}

async fn issue_access_token(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<IssueAccessToken>,
) -> Result<Json<IssuedAccessToken>, Problem> {
    caller.must_be(&[auth_service_v2::SERVICE])?;
    Ok(Json(grant::issue_access_token(&context, request).await?))
}

async fn sign_id_token(
    State(context): State<Context>,
    caller: Caller,
    Json(request): Json<SignIdToken>,
) -> Result<Json<SignedIdToken>, Problem> {
    caller.must_be(&[auth_service_v2::SERVICE])?;
    Ok(Json(id_token::sign(&context, request).await?))
}

async fn account_changed(
    State(context): State<Context>,
    caller: Caller,
    Path(user): Path<UserId>,
    Json(request): Json<AccountChanged>,
) -> Result<StatusCode, Problem> {
    caller.must_be(&[session_mgr::SERVICE])?;
    api_tokens::follow(&context, user, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke_family(
    State(context): State<Context>,
    caller: Caller,
    Path(session): Path<SessionId>,
    Json(request): Json<RevokeFamily>,
) -> Result<StatusCode, Problem> {
    caller.must_be(&[session_mgr::SERVICE])?;
    tokens::revoke_family(&context, session, request).await?;
    Ok(StatusCode::NO_CONTENT)
}
