//! A code that a browser brought from a person's yes (RFC 6749 section 4.1.3).

use nexus_contracts::session_mgr::RevocationReason;
use nexus_kernel::Context;

use super::{Request, TokenReply, reply_for};
use crate::authorization::Asked;
use crate::code::{Code, CodeHash};
use crate::grant::{self, Beginning};
use crate::oauth_error::OAuthError;
use crate::pkce::Challenge;
use crate::store;

/// Trades a code for tokens.
pub(super) async fn answer(request: &Request<'_>) -> Result<TokenReply, OAuthError> {
    let context = request.context;
    let hash = CodeHash::of(request.parameters.require("code")?);
    let verifier = request.parameters.require("code_verifier")?;
    let code = store::codes::find(context, &hash).await?.ok_or_else(unknown)?;
    // A code that somebody else got hold of stays good for its own application.
    if code.application != request.application.id || code.tenant != request.application.tenant {
        return Err(unknown());
    }
    if code.spent_at.is_some() {
        return Err(used_twice(context, &code).await);
    }
    if code.expires_at <= context.clock.now() || code.revoked_at.is_some() {
        return Err(unknown());
    }
    belongs(request, &code.asked, verifier)?;
    if !spend(context, &code).await? {
        return Err(used_twice(context, &code).await);
    }
    let scope = code.asked.scope();
    let beginning = Beginning {
        application: &request.application,
        approval: &code.approval,
        scope: &scope,
        confirmation: request.confirmation.clone(),
        code: Some(&code.hash),
    };
    let begun = grant::begin(context, request.asker, &beginning).await?;
    reply_for(request, begun, &scope, &code.approval, code.asked.nonce.as_deref()).await
}

fn unknown() -> OAuthError {
    OAuthError::invalid_grant("the code is unknown, used or expired")
}

/// Whether who brings the code is who asked for it.
fn belongs(request: &Request<'_>, asked: &Asked, verifier: &str) -> Result<(), OAuthError> {
    if request.parameters.get("redirect_uri").is_some_and(|uri| uri != asked.redirect_uri) {
        return Err(OAuthError::invalid_grant("redirect_uri is not that of the authorization request"));
    }
    if !Challenge(asked.challenge.clone()).is_met_by(verifier) {
        return Err(OAuthError::invalid_grant("code_verifier does not match the code_challenge"));
    }
    if asked.dpop_jkt.is_some() && asked.dpop_jkt != request.confirmation {
        return Err(OAuthError::invalid_grant("the proof's key is not that of the authorization request"));
    }
    Ok(())
}

async fn spend(context: &Context, code: &Code) -> Result<bool, OAuthError> {
    let mut tx = context.store.begin(code.tenant).await?;
    let spent = store::codes::spend(&mut tx, &code.hash, context.clock.now()).await?;
    tx.commit().await?;
    Ok(spent)
}

/// A code that comes twice is in two hands: what the first got for it ends (RFC 6749 section 4.1.2).
async fn used_twice(context: &Context, code: &Code) -> OAuthError {
    match end_what_it_became(context, code).await {
        Ok(()) => {
            tracing::warn!(application = %code.application, user = %code.approval.user, "a code came twice: its grant has ended");
            unknown()
        }
        Err(error) => error,
    }
}

async fn end_what_it_became(context: &Context, code: &Code) -> Result<(), OAuthError> {
    let now = context.clock.now();
    let mut tx = context.store.begin(code.tenant).await?;
    let became = store::codes::revoke(&mut tx, &code.hash, now).await?;
    if let Some(session) = became {
        store::orders::add_session_end(&mut tx, session, RevocationReason::TokensRevoked, now).await?;
    }
    tx.commit().await?;
    grant::end_at_once(context, code.tenant, became.as_slice(), RevocationReason::TokensRevoked).await;
    Ok(())
}
