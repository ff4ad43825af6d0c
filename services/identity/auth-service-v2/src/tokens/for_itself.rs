//! An application that acts for itself (RFC 6749 section 4.4).

use nexus_contracts::token_mgr::{ACCESS_TOKEN_LIFETIME, IssueAccessToken, TokenMgr};

use super::{Request, TokenReply};
use crate::oauth_error::{Code, OAuthError};
use crate::scope::Scope;

/// Issues an access token for the application's own roles.
pub(super) async fn answer(request: &Request<'_>) -> Result<TokenReply, OAuthError> {
    let most = request.application.definition.scope().of_api();
    let scope = match request.parameters.get("scope") {
        Some(text) => Scope::parse(text).map_err(|why| OAuthError::new(Code::InvalidScope, why))?,
        None => most.clone(),
    };
    // A token without scopes would be limited by nothing.
    if scope.is_empty() || !scope.is_within(&most) {
        return Err(OAuthError::new(
            Code::InvalidScope,
            "the application is not registered for these scopes of the API",
        ));
    }
    let asked = IssueAccessToken {
        tenant: request.application.tenant,
        user: request.application.itself(),
        roles: request.application.definition.roles.clone(),
        scope: scope.to_string(),
        client_id: request.application.id.to_string(),
        session: None,
        authenticated_at: None,
        methods: Vec::new(),
        confirmation: request.confirmation.clone(),
        audience: None,
        lifetime_seconds: ACCESS_TOKEN_LIFETIME.as_secs(),
    };
    let issued = TokenMgr::new(&request.context.mesh).issue_access_token(&asked).await?;
    Ok(TokenReply {
        access_token: issued.access_token,
        token_type: request.kind(),
        expires_in: issued.expires_in,
        scope: scope.to_string(),
        refresh_token: None,
        id_token: None,
        issued_token_type: None,
    })
}
