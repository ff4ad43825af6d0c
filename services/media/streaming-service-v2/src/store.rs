//! Every query of streaming-service-v2.

use nexus_contracts::content_management::ContentId;
use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Cause, Context, Timestamp, params};

use crate::task::{Queued, Task};

impl FromRow for Queued {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let task: String = row.get("task")?;
        Ok(Self {
            number: row.get("number")?,
            tenant: row.get("tenant_id")?,
            content: row.get("content_id")?,
            task: serde_json::from_str(&task)
                .map_err(|_| StoreError::Column { column: "task".to_owned(), reason: "it is no task" })?,
            attempts: row.get("attempts")?,
            cause: row.get("cause")?,
        })
    }
}

/// Adds a call behind all others about the same content.
pub(crate) async fn add(tx: &mut Tx, content: ContentId, task: &Task, now: Timestamp) -> Result<u64, StoreError> {
    let json = serde_json::to_string(task)
        .map_err(|_| StoreError::Column { column: "task".to_owned(), reason: "it can't be written as JSON" })?;
    tx.execute(
        "INSERT INTO tasks (tenant_id, content_id, kind, task, attempts, not_before, cause)
         VALUES (:tenant, $1, $2, $3, 0, $4, $5)",
        params![content, task.kind(), json, now, Cause::current()],
    )
    .await
}

/// The first call about each content item, whatever its tenant, where that may be made now; the least troublesome first.
pub(crate) async fn due(query: &mut impl Query, now: Timestamp, limit: i64) -> Result<Vec<Queued>, StoreError> {
    query
        .query(
            "SELECT * FROM tasks AS task
             WHERE not_before <= $1
                 AND NOT EXISTS (SELECT 1 FROM tasks AS earlier
                                 WHERE earlier.content_id = task.content_id AND earlier.number < task.number)
             ORDER BY attempts, number LIMIT $2",
            params![now, limit],
        )
        .await
}

/// Takes a call for a while; false when somebody else was faster.
pub(crate) async fn claim(tx: &mut Tx, number: i64, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
    let taken = tx
        .execute(
            "UPDATE tasks SET attempts = attempts + 1, not_before = $3
             WHERE tenant_id = :tenant AND number = $1 AND not_before <= $2",
            params![number, now, until],
        )
        .await?;
    Ok(taken == 1)
}

/// The call was made.
pub(crate) async fn done(tx: &mut Tx, number: i64) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM tasks WHERE tenant_id = :tenant AND number = $1", params![number]).await
}

/// The call failed and is to be made again, not before a moment.
pub(crate) async fn postpone(tx: &mut Tx, number: i64, next: Timestamp) -> Result<u64, StoreError> {
    tx.execute("UPDATE tasks SET not_before = $2 WHERE tenant_id = :tenant AND number = $1", params![number, next])
        .await
}

/// Forgets the calls about a content item that nobody has begun.
pub(crate) async fn drop_untried(tx: &mut Tx, content: ContentId) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM tasks WHERE tenant_id = :tenant AND content_id = $1 AND attempts = 0", params![content])
        .await
}

/// Forgets the reports of a content item's progress that nobody has begun.
pub(crate) async fn drop_untried_progress(tx: &mut Tx, content: ContentId) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM tasks WHERE tenant_id = :tenant AND content_id = $1 AND attempts = 0 AND kind = 'progress'",
        params![content],
    )
    .await
}

/// Notes which attempt's renditions of an item count.
pub(crate) async fn set_rendition(tx: &mut Tx, content: ContentId, rendition: &str) -> Result<u64, StoreError> {
    tx.execute(
        "INSERT INTO renditions (content_id, tenant_id, rendition) VALUES ($1, :tenant, $2)
         ON CONFLICT (content_id) DO UPDATE SET rendition = $2",
        params![content, rendition],
    )
    .await
}

/// Which attempt's renditions of an item count, whatever its tenant; empty when none has a name.
pub(crate) async fn rendition(query: &mut impl Query, content: ContentId) -> Result<String, StoreError> {
    let found: Option<Scalar<String>> =
        query.query_optional("SELECT rendition FROM renditions WHERE content_id = $1", params![content]).await?;
    Ok(found.map(|Scalar(rendition)| rendition).unwrap_or_default())
}

/// The item is gone.
pub(crate) async fn drop_rendition(tx: &mut Tx, content: ContentId) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM renditions WHERE tenant_id = :tenant AND content_id = $1", params![content]).await
}

/// The secret behind signed addresses; made at the first call, by whichever instance is first.
pub(crate) async fn signing_secret(ctx: &Context) -> Result<String, StoreError> {
    let mut tx = ctx.store.begin(Scope::System).await?;
    tx.execute(
        "INSERT INTO signing_keys (id, secret) VALUES ('playback', $1) ON CONFLICT DO NOTHING",
        params![ctx.ids.random_token()],
    )
    .await?;
    let Scalar(secret) = tx.query_one("SELECT secret FROM signing_keys WHERE id = 'playback'", params![]).await?;
    tx.commit().await?;
    Ok(secret)
}
