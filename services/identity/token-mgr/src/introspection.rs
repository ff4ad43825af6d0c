//! What a token is (RFC 7662). Of one that is not good nobody learns why.

use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::token_mgr::{Introspection, TokenUse};
use nexus_kernel::Context;
use nexus_kernel::auth::AccessClaims;
use nexus_kernel::config::Secret;

use crate::access_token;
use crate::api_token::Plain;
use crate::api_tokens;
use crate::error::Error;
use crate::refresh_token::RefreshToken;
use crate::store;
use crate::tokens::longest_pause;

/// Looks into a token of whatever kind.
pub(crate) async fn introspect(context: &Context, token: &Secret) -> Result<Introspection, Error> {
    let found = if let Some(plain) = Plain::parse(token.expose()) {
        api_tokens::used(context, &plain).await?
    } else if let Ok(token) = RefreshToken::parse(token.expose()) {
        refresh_token(context, &token).await?.map(|claims| (TokenUse::RefreshToken, claims))
    } else {
        access_token(context, token).await?.map(|claims| (TokenUse::AccessToken, claims))
    };
    Ok(found.map_or_else(Introspection::inactive, |(token_use, claims)| Introspection::active(token_use, claims)))
}

async fn access_token(context: &Context, token: &Secret) -> Result<Option<AccessClaims>, Error> {
    let Some(claims) = access_token::read(context, token.expose()).await? else { return Ok(None) };
    let mut read = context.store.read(claims.tid);
    let family = store::family(&mut read, SessionId(claims.sid)).await?;
    let ended = family.is_some_and(|family| family.is_over(context.clock.now(), longest_pause(context)));
    if ended || store::is_revoked(&mut read, claims.jti).await? {
        return Ok(None);
    }
    Ok(Some(claims))
}

/// A refresh token has no claims of its own: it says what the next access token would, until its session ends.
async fn refresh_token(context: &Context, token: &RefreshToken) -> Result<Option<AccessClaims>, Error> {
    let hash = token.hash();
    let Some(owner) = store::owner(context, &hash).await? else { return Ok(None) };
    let now = context.clock.now();
    let mut read = context.store.read(owner.tenant);
    let Some(family) = store::family(&mut read, owner.session).await? else { return Ok(None) };
    if family.is_over(now, longest_pause(context)) || store::spent_at(&mut read, &hash).await?.is_some() {
        return Ok(None);
    }
    let next = access_token::of_family(context, &family, family.grant.as_ref(), now);
    let claims = AccessClaims {
        exp: family.expires_at.as_seconds(),
        iat: family.last_used_at.as_seconds(),
        jti: family.session.0,
        ..next
    };
    Ok(Some(claims))
}
