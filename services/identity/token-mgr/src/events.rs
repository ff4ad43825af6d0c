//! What the service announces.

use nexus_contracts::token_mgr::{
    AccessTokenRevoked, ApiTokenCreated, ApiTokenRevoked, FamilyEnd, RefreshTokenReused, TokenFamilyEnded,
    TokensRefreshed,
};
use nexus_kernel::Timestamp;
use nexus_kernel::auth::AccessClaims;
use nexus_kernel::store::{StoreError, Tx};

use crate::api_token::ApiToken;
use crate::family::Family;

/// The family's session is in use.
pub(crate) async fn refreshed(tx: &mut Tx, family: &Family, now: Timestamp) -> Result<(), StoreError> {
    tx.publish(&TokensRefreshed { session_id: family.session, refreshed_at: now }).await
}

/// Somebody has a copy of one of the family's refresh tokens.
pub(crate) async fn reused(tx: &mut Tx, family: &Family) -> Result<(), StoreError> {
    tx.publish(&RefreshTokenReused { session_id: family.session, user_id: family.user }).await
}

/// The family has ended before its time.
pub(crate) async fn ended(tx: &mut Tx, family: &Family, reason: FamilyEnd) -> Result<(), StoreError> {
    let client_id = family.grant.as_ref().map(|grant| grant.client_id.clone());
    tx.publish(&TokenFamilyEnded { session_id: family.session, user_id: family.user, client_id, reason }).await
}

/// An access token is refused from now on.
pub(crate) async fn access_token_revoked(tx: &mut Tx, claims: &AccessClaims) -> Result<(), StoreError> {
    let valid_until = Timestamp::from_seconds(claims.exp);
    tx.publish(&AccessTokenRevoked { token_id: claims.jti, valid_until }).await
}

/// Somebody made a token that is good for months.
pub(crate) async fn api_token_created(tx: &mut Tx, token: &ApiToken) -> Result<(), StoreError> {
    tx.publish(&ApiTokenCreated {
        token_id: token.id,
        kind: token.kind,
        user_id: token.user,
        name: token.name.clone(),
        scopes: token.scopes.clone(),
        expires_at: token.expires_at,
    })
    .await
}

/// Such a token is gone.
pub(crate) async fn api_token_revoked(tx: &mut Tx, token: &ApiToken) -> Result<(), StoreError> {
    tx.publish(&ApiTokenRevoked { token_id: token.id, kind: token.kind, user_id: token.user }).await
}
