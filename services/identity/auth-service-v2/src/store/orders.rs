//! What other programs have yet to be told: sessions to end, applications to notify.

use nexus_contracts::session_mgr::{RevocationReason, SessionId};
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, Timestamp, params};

use super::{json, to_json};
use crate::backchannel::LogoutNotice;
use crate::grant::SessionEnd;

impl FromRow for SessionEnd {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            session: row.get("session_id")?,
            tenant: row.get("tenant_id")?,
            reason: json(row, "reason")?,
            attempts: row.get("attempts")?,
        })
    }
}

/// Puts down that a session has to end; once is enough.
pub(crate) async fn add_session_end(
    tx: &mut Tx,
    session: SessionId,
    reason: RevocationReason,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO session_ends (session_id, tenant_id, reason, attempts, next_attempt_at)
         VALUES ($1, :tenant, $2, 0, $3) ON CONFLICT (session_id) DO NOTHING",
        params![session, to_json(&reason), now],
    )
    .await
    .map(drop)
}

/// The sessions that have to end now, of all tenants.
pub(crate) async fn due_session_ends(context: &Context, limit: i64) -> Result<Vec<SessionEnd>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT session_id, tenant_id, reason, attempts FROM session_ends
             WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2",
            params![context.clock.now(), limit],
        )
        .await
}

/// The session has ended.
pub(crate) async fn session_ended(context: &Context, done: &SessionEnd) -> Result<(), StoreError> {
    let mut tx = context.store.begin(done.tenant).await?;
    tx.execute("DELETE FROM session_ends WHERE tenant_id = :tenant AND session_id = $1", params![done.session]).await?;
    tx.commit().await
}

/// The session could not be ended; it will be at that moment.
pub(crate) async fn postpone_session_end(
    context: &Context,
    failed: &SessionEnd,
    next_attempt_at: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(failed.tenant).await?;
    tx.execute(
        "UPDATE session_ends SET attempts = attempts + 1, next_attempt_at = $2
         WHERE tenant_id = :tenant AND session_id = $1",
        params![failed.session, next_attempt_at],
    )
    .await?;
    tx.commit().await
}

impl FromRow for LogoutNotice {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            application: row.get("application_id")?,
            user: row.get("user_id")?,
            session: row.get("session_id")?,
            attempts: row.get("attempts")?,
        })
    }
}

/// Puts down that an application has to be told.
pub(crate) async fn add_notice(tx: &mut Tx, notice: &LogoutNotice, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO logout_notices (id, tenant_id, application_id, user_id, session_id, attempts, next_attempt_at)
         VALUES ($1, :tenant, $2, $3, $4, 0, $5)",
        params![notice.id, notice.application, notice.user, notice.session, now],
    )
    .await
    .map(drop)
}

/// The applications that have to be told now, of all tenants.
pub(crate) async fn due_notices(context: &Context, limit: i64) -> Result<Vec<LogoutNotice>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT id, tenant_id, application_id, user_id, session_id, attempts FROM logout_notices
             WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2",
            params![context.clock.now(), limit],
        )
        .await
}

/// The application was told, or will never be.
pub(crate) async fn forget_notice(context: &Context, done: &LogoutNotice) -> Result<(), StoreError> {
    let mut tx = context.store.begin(done.tenant).await?;
    tx.execute("DELETE FROM logout_notices WHERE tenant_id = :tenant AND id = $1", params![done.id]).await?;
    tx.commit().await
}

/// The application could not be told; it will be at that moment.
pub(crate) async fn postpone_notice(
    context: &Context,
    failed: &LogoutNotice,
    next_attempt_at: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(failed.tenant).await?;
    tx.execute(
        "UPDATE logout_notices SET attempts = attempts + 1, next_attempt_at = $2 WHERE tenant_id = :tenant AND id = $1",
        params![failed.id, next_attempt_at],
    )
    .await?;
    tx.commit().await
}
