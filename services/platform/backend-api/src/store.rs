//! Every query of this service.

use nexus_contracts::session_mgr::SessionId;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, Timestamp, params};

/// A session whose access tokens are refused until they end by themselves.
pub(crate) struct RevokedSession {
    pub(crate) id: SessionId,
    pub(crate) tokens_valid_until: Timestamp,
}

impl FromRow for RevokedSession {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.get("session_id")?, tokens_valid_until: row.get("tokens_valid_until")? })
    }
}

/// Puts down that a session has ended.
pub(crate) async fn add_revoked_session(tx: &mut Tx, session: &RevokedSession) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO revoked_sessions (session_id, tenant_id, tokens_valid_until) VALUES ($1, :tenant, $2)
         ON CONFLICT (session_id) DO NOTHING",
        params![session.id, session.tokens_valid_until],
    )
    .await
    .map(drop)
}

/// All sessions that must be refused now, of all tenants.
pub(crate) async fn revoked_sessions(context: &Context) -> Result<Vec<RevokedSession>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT session_id, tokens_valid_until FROM revoked_sessions WHERE tokens_valid_until > $1",
            params![context.clock.now()],
        )
        .await
}

/// Forgets sessions whose tokens have ended by themselves.
pub(crate) async fn forget_expired(context: &Context, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("DELETE FROM revoked_sessions WHERE tokens_valid_until <= $1", params![now]).await?;
    tx.commit().await
}
