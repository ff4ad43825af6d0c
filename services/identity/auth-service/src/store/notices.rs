//! What people have yet to be told.

use nexus_contracts::user_auth::{Notice, SendNotice};
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, Timestamp, UserId, params};
use uuid::Uuid;

use super::{json, json_text};
use crate::notice::DueNotice;

impl FromRow for DueNotice {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let notice = SendNotice {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            user: row.get("user_id")?,
            notice: json(row, "notice")?,
        };
        Ok(Self { notice, attempts: row.get("attempts")? })
    }
}

/// Adds a notice.
pub(crate) async fn add_notice(
    tx: &mut Tx,
    id: Uuid,
    user: UserId,
    notice: &Notice,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO notices (id, tenant_id, user_id, notice, attempts, next_attempt_at)
         VALUES ($1, :tenant, $2, $3, 0, $4)",
        params![id, user, json_text(notice), now],
    )
    .await
    .map(drop)
}

/// The notices that are to be told now, of all tenants.
pub(crate) async fn due_notices(context: &Context, limit: i64) -> Result<Vec<DueNotice>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT id, tenant_id, user_id, notice, attempts FROM notices
             WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2",
            params![context.clock.now(), limit],
        )
        .await
}

/// The notice is with user-auth.
pub(crate) async fn notice_told(context: &Context, told: &DueNotice) -> Result<(), StoreError> {
    let mut tx = context.store.begin(told.notice.tenant).await?;
    tx.execute("DELETE FROM notices WHERE tenant_id = :tenant AND id = $1", params![told.notice.id]).await?;
    tx.commit().await
}

/// The notice is to be told at that moment.
pub(crate) async fn postpone_notice(
    context: &Context,
    failed: &DueNotice,
    next_attempt_at: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(failed.notice.tenant).await?;
    tx.execute(
        "UPDATE notices SET attempts = attempts + 1, next_attempt_at = $2 WHERE tenant_id = :tenant AND id = $1",
        params![failed.notice.id, next_attempt_at],
    )
    .await?;
    tx.commit().await
}

/// Forgets what somebody was yet to be told.
pub(crate) async fn forget_notices(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM notices WHERE tenant_id = :tenant AND user_id = $1", params![user]).await.map(drop)
}
