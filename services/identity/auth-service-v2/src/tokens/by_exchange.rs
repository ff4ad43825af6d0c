//! A token that is traded in for a narrower one (RFC 8693): never for more, never for longer, and only by whom it was meant for.

use nexus_contracts::token_mgr::{ACCESS_TOKEN_LIFETIME, Introspect, IssueAccessToken, TokenMgr, TokenUse};
use nexus_kernel::auth::{AUDIENCE, AccessClaims};
use nexus_kernel::config::Secret;
use nexus_kernel::{Problem, Timestamp};

use super::{Request, TokenReply};
use crate::client_authentication;
use crate::oauth_error::{Code, OAuthError};
use crate::scope::Scope;

/// The only kind of token that is traded (section 3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Trades an access token in.
pub(super) async fn answer(request: &Request<'_>) -> Result<TokenReply, OAuthError> {
    let parameters = request.parameters;
    for (name, required) in [("subject_token_type", true), ("requested_token_type", false)] {
        let kind = if required { Some(parameters.require(name)?) } else { parameters.get(name) };
        if kind.is_some_and(|kind| kind != ACCESS_TOKEN) {
            return Err(OAuthError::invalid_request(format!("{name} must be {ACCESS_TOKEN}")));
        }
    }
    if parameters.get("actor_token").is_some() || parameters.get("resource").is_some() {
        return Err(OAuthError::invalid_request("actor_token and resource are not known here"));
    }
    let subject = subject(request).await?;
    let scope = narrowed(request, &subject)?;
    let left = Timestamp::from_seconds(subject.exp).since(request.context.clock.now());
    let asked = IssueAccessToken {
        tenant: subject.tid,
        user: subject.sub,
        roles: subject.roles.clone(),
        scope: scope.to_string(),
        client_id: request.application.id.to_string(),
        session: (subject.sid != subject.jti).then_some(nexus_contracts::session_mgr::SessionId(subject.sid)),
        authenticated_at: subject.auth_time.map(Timestamp::from_seconds),
        methods: subject.amr.clone(),
        confirmation: confirmation(request, &subject)?,
        audience: audience(request, &subject).await?,
        lifetime_seconds: left.min(ACCESS_TOKEN_LIFETIME).as_secs(),
    };
    let issued = TokenMgr::new(&request.context.mesh).issue_access_token(&asked).await;
    let issued = issued.map_err(|error| match Problem::from(error) {
        problem if problem.code() == "session-ended" => OAuthError::invalid_grant("the subject's session has ended"),
        problem => problem.into(),
    })?;
    Ok(TokenReply {
        access_token: issued.access_token,
        token_type: request.kind(),
        expires_in: issued.expires_in,
        scope: scope.to_string(),
        refresh_token: None,
        id_token: None,
        issued_token_type: Some(ACCESS_TOKEN),
    })
}

/// What the token that is traded in says, when it is good and this application's to trade: issued to it, or meant for it. A person's
/// own token is nobody's to trade.
async fn subject(request: &Request<'_>) -> Result<AccessClaims, OAuthError> {
    let refused = || OAuthError::invalid_grant("subject_token is not good, or not this application's to trade");
    let token = Secret::from(request.parameters.require("subject_token")?);
    let answer = TokenMgr::new(&request.context.mesh).introspect(&Introspect { token }).await?;
    let good = answer.active && answer.token_use == Some(TokenUse::AccessToken);
    let claims = answer.claims.filter(|_| good).ok_or_else(refused)?;
    let us = request.application.id.to_string();
    let ours = claims.client_id.as_ref().is_some_and(|client_id| *client_id == us || claims.aud == us);
    if claims.tid != request.application.tenant || !ours {
        return Err(refused());
    }
    Ok(claims)
}

/// At most what the subject's token may do.
fn narrowed(request: &Request<'_>, subject: &AccessClaims) -> Result<Scope, OAuthError> {
    let most = Scope::stored(&subject.scope).of_api();
    let scope = match request.parameters.get("scope") {
        Some(text) => Scope::parse(text).map_err(|why| OAuthError::new(Code::InvalidScope, why))?,
        None => most.clone(),
    };
    if scope.is_empty() || !scope.is_within(&most) {
        return Err(OAuthError::new(
            Code::InvalidScope,
            "a token is traded only for what it may do itself, at the API",
        ));
    }
    Ok(scope)
}

/// The key that the new token is bound to. One that is bound is traded only by who has its key.
fn confirmation(request: &Request<'_>, subject: &AccessClaims) -> Result<Option<String>, OAuthError> {
    let bound = subject.cnf.as_ref().map(|confirmation| &confirmation.jkt);
    if bound.is_some() && bound != request.confirmation.as_ref() {
        return Err(OAuthError::new(Code::InvalidDpopProof, "subject_token is bound to another key"));
    }
    Ok(request.confirmation.clone())
}

/// Whom the new token is for: the API, or another application of the organisation. A token that was meant for one application stays
/// with it, unless it says for whom the new one is.
async fn audience(request: &Request<'_>, subject: &AccessClaims) -> Result<Option<String>, OAuthError> {
    let unknown = || OAuthError::new(Code::InvalidTarget, "audience is no application of this organisation");
    let Some(asked) = request.parameters.get("audience") else {
        return Ok((subject.aud != AUDIENCE).then(|| subject.aud.clone()));
    };
    let other = client_authentication::find(request.context, asked).await?.ok_or_else(unknown)?;
    if other.tenant != request.application.tenant {
        return Err(unknown());
    }
    Ok(Some(other.id.to_string()))
}
