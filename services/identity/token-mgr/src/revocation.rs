//! Ends a token because the application that holds it says so (RFC 7009).

use nexus_contracts::token_mgr::{FamilyEnd, RevokeToken};
use nexus_kernel::Context;

use crate::access_token;
use crate::error::Error;
use crate::events;
use crate::refresh_token::RefreshToken;
use crate::store;
use crate::tokens;

/// Ends a token of this application. What is unknown, or another's, stays as it is, and nobody learns which.
pub(crate) async fn revoke(context: &Context, request: &RevokeToken) -> Result<(), Error> {
    match RefreshToken::parse(request.token.expose()) {
        Ok(token) => end_session(context, &token, &request.client_id).await,
        Err(_) => refuse(context, request).await,
    }
}

/// With a refresh token its whole session ends, spent or not: whoever gives it back wants none of it any more.
async fn end_session(context: &Context, token: &RefreshToken, client: &str) -> Result<(), Error> {
    let Some(owner) = store::owner(context, &token.hash()).await? else { return Ok(()) };
    let mut tx = context.store.begin(owner.tenant).await?;
    let family = store::family(&mut tx, owner.session).await?;
    if let Some(family) = family.filter(|family| family.grant.as_ref().is_some_and(|grant| grant.client_id == client)) {
        tokens::end(&mut tx, &family, FamilyEnd::Returned, context.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// A signed access token is good by itself, so that its id is remembered until it has expired.
async fn refuse(context: &Context, request: &RevokeToken) -> Result<(), Error> {
    let Some(claims) = access_token::read(context, request.token.expose()).await? else { return Ok(()) };
    if claims.client_id.as_deref() != Some(&request.client_id) {
        return Ok(());
    }
    let mut tx = context.store.begin(claims.tid).await?;
    if store::refuse_access_token(&mut tx, &claims).await? {
        events::access_token_revoked(&mut tx, &claims).await?;
        tx.commit().await?;
    }
    Ok(())
}
