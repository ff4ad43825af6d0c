//! What the service announces.

use nexus_contracts::token_mgr::{RefreshTokenReused, TokensRefreshed};
use nexus_kernel::Timestamp;
use nexus_kernel::store::{StoreError, Tx};

use crate::family::Family;

/// The family's session is in use.
pub(crate) async fn refreshed(tx: &mut Tx, family: &Family, now: Timestamp) -> Result<(), StoreError> {
    tx.publish(&TokensRefreshed { session_id: family.session, refreshed_at: now }).await
}

/// Somebody has a copy of one of the family's refresh tokens.
pub(crate) async fn reused(tx: &mut Tx, family: &Family) -> Result<(), StoreError> {
    tx.publish(&RefreshTokenReused { session_id: family.session, user_id: family.user }).await
}
