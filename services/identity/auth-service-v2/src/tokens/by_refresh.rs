//! A refresh token (RFC 6749 section 6).

use http::StatusCode;
use nexus_contracts::token_mgr::{RefreshGrant, TokenMgr};
use nexus_kernel::Problem;
use nexus_kernel::config::Secret;

use super::{Request, TokenReply};
use crate::oauth_error::{Code, OAuthError};
use crate::person::{self, SignIn};
use crate::scope::{OPENID, Scope};

/// Trades a refresh token for the next pair.
pub(super) async fn answer(request: &Request<'_>) -> Result<TokenReply, OAuthError> {
    let scope = request.parameters.get("scope").map(Scope::parse).transpose();
    let scope = scope.map_err(|why| OAuthError::new(Code::InvalidScope, why))?;
    if scope.as_ref().is_some_and(Scope::is_empty) {
        return Err(OAuthError::new(Code::InvalidScope, "name at least one scope, or send none at all"));
    }
    let asked = RefreshGrant {
        refresh_token: Secret::from(request.parameters.require("refresh_token")?),
        client_id: request.application.id.to_string(),
        confirmation: request.confirmation.clone(),
        scope: scope.map(|scope| scope.to_string()),
    };
    let refreshed = TokenMgr::new(&request.context.mesh).refresh(&asked).await;
    let refreshed = refreshed.map_err(|error| refusal(error.into()))?;
    let scope = Scope::stored(&refreshed.scope);
    let id_token = if scope.contains(OPENID) {
        let sign_in = SignIn {
            user: refreshed.user,
            session: refreshed.tokens.session_id,
            authenticated_at: refreshed.authenticated_at,
            methods: &refreshed.methods,
            nonce: None,
            about: serde_json::Map::new(),
        };
        Some(person::id_token(request.context, &request.application, sign_in).await?)
    } else {
        None
    };
    Ok(TokenReply {
        access_token: refreshed.tokens.access_token,
        token_type: request.kind(),
        expires_in: refreshed.tokens.expires_in,
        scope: refreshed.scope,
        refresh_token: Some(refreshed.tokens.refresh_token),
        id_token,
        issued_token_type: None,
    })
}

fn refusal(problem: Problem) -> OAuthError {
    match problem.status() {
        StatusCode::UNPROCESSABLE_ENTITY => OAuthError::new(Code::InvalidScope, "more is asked for than was granted"),
        StatusCode::UNAUTHORIZED => {
            OAuthError::invalid_grant("the refresh token is unknown, used, expired, or of another application or key")
        }
        _ => problem.into(),
    }
}
