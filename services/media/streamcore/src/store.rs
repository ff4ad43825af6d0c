//! Every query of streamcore.

use nexus_contracts::streamcore::{ContentId, JobId, OrderTranscode};
use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, StoreError, Tx};
use nexus_kernel::{Cause, TenantId, Timestamp, params};

use crate::job::{JobState, LadderRung, StoredJob, TranscodeJob};
use crate::transcode::Product;

/// Sorts after every id: a list without a cursor begins here.
const NEWEST: &str = "g";

impl FromRow for StoredJob {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let state: String = row.get("state")?;
        let ladder: String = row.get("ladder")?;
        Ok(Self {
            tenant: row.get("tenant_id")?,
            source_key: row.get("source_key")?,
            cause: row.get("cause")?,
            job: TranscodeJob {
                id: row.get("id")?,
                content_id: row.get("content_id")?,
                state: JobState::parse(&state).unwrap_or(JobState::Failed),
                progress: row.get("progress")?,
                attempts: row.get("attempts")?,
                error: row.get("error")?,
                retryable: row.get("retryable")?,
                ladder: serde_json::from_str::<Vec<LadderRung>>(&ladder).unwrap_or_default(),
                created_at: row.get("created_at")?,
                started_at: row.get("started_at")?,
                finished_at: row.get("finished_at")?,
            },
        })
    }
}

/// Adds a job to the queue unless its order already has one; tells whether it did.
pub(crate) async fn insert(tx: &mut Tx, id: JobId, order: &OrderTranscode, now: Timestamp) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO jobs (id, tenant_id, content_id, source_key, state, progress, attempts, ladder, created_at, cause)
             VALUES ($1, :tenant, $2, $3, 'queued', 0, 0, '[]', $4, $5)
             ON CONFLICT DO NOTHING",
            params![id, order.content_id, order.source_key.as_str(), now, Cause::current()],
        )
        .await?;
    Ok(added == 1)
}

/// The job of an order.
pub(crate) async fn by_source(query: &mut impl Query, order: &OrderTranscode) -> Result<StoredJob, StoreError> {
    query
        .query_one(
            "SELECT * FROM jobs WHERE tenant_id = :tenant AND content_id = $1 AND source_key = $2",
            params![order.content_id, order.source_key.as_str()],
        )
        .await
}

/// A job by its id.
pub(crate) async fn by_id(query: &mut impl Query, id: JobId) -> Result<Option<StoredJob>, StoreError> {
    query.query_optional("SELECT * FROM jobs WHERE tenant_id = :tenant AND id = $1", params![id]).await
}

/// A tenant's jobs, newest first.
pub(crate) async fn list(query: &mut impl Query, page: &Page) -> Result<Vec<StoredJob>, StoreError> {
    let after = page.after.as_deref().unwrap_or(NEWEST);
    query
        .query(
            "SELECT * FROM jobs WHERE tenant_id = :tenant AND id < $1 ORDER BY id DESC LIMIT $2",
            params![after, page.fetch()],
        )
        .await
}

/// The jobs of one content item, newest first.
pub(crate) async fn list_of_content(
    query: &mut impl Query,
    content: ContentId,
    page: &Page,
) -> Result<Vec<StoredJob>, StoreError> {
    let after = page.after.as_deref().unwrap_or(NEWEST);
    query
        .query(
            "SELECT * FROM jobs WHERE tenant_id = :tenant AND content_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
            params![content, after, page.fetch()],
        )
        .await
}

/// The jobs that wait longest, whatever their tenant.
pub(crate) async fn waiting(query: &mut impl Query, limit: usize) -> Result<Vec<StoredJob>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    query.query("SELECT * FROM jobs WHERE state = 'queued' ORDER BY id LIMIT $1", params![limit]).await
}

/// Takes a waiting job; false when another process was faster.
pub(crate) async fn claim(
    tx: &mut Tx,
    id: JobId,
    owner: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let taken = tx
        .execute(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, progress = 0, error = NULL, lease_owner = $2,
                 lease_until = $3, started_at = $4, finished_at = NULL
             WHERE tenant_id = :tenant AND id = $1 AND state = 'queued'",
            params![id, owner, until, now],
        )
        .await?;
    Ok(taken == 1)
}

/// Keeps a running job for longer and notes how far it is; false when it is no longer this attempt's.
pub(crate) async fn renew(
    tx: &mut Tx,
    id: JobId,
    owner: &str,
    until: Timestamp,
    progress: f64,
) -> Result<bool, StoreError> {
    let kept = tx
        .execute(
            "UPDATE jobs SET lease_until = $3, progress = $4
             WHERE tenant_id = :tenant AND id = $1 AND state = 'running' AND lease_owner = $2",
            params![id, owner, until, progress],
        )
        .await?;
    Ok(kept == 1)
}

/// Notes what a running job made; false when it is no longer this attempt's.
pub(crate) async fn succeed(
    tx: &mut Tx,
    id: JobId,
    owner: &str,
    product: &Product,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ladder = serde_json::to_string(&product.ladder).unwrap_or_default();
    let ended = tx
        .execute(
            "UPDATE jobs SET state = 'succeeded', progress = 1, ladder = $3, finished_at = $4, lease_owner = NULL, lease_until = NULL
             WHERE tenant_id = :tenant AND id = $1 AND state = 'running' AND lease_owner = $2",
            params![id, owner, ladder, now],
        )
        .await?;
    Ok(ended == 1)
}

/// Ends a running job that will not be tried again by itself; false when it is no longer this attempt's.
pub(crate) async fn fail(
    tx: &mut Tx,
    id: JobId,
    owner: &str,
    error: &str,
    retryable: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ended = tx
        .execute(
            "UPDATE jobs SET state = 'failed', error = $3, retryable = $4, finished_at = $5, lease_owner = NULL,
                 lease_until = NULL
             WHERE tenant_id = :tenant AND id = $1 AND state = 'running' AND lease_owner = $2",
            params![id, owner, error, retryable, now],
        )
        .await?;
    Ok(ended == 1)
}

/// Puts a running job back into the queue; false when it is no longer this attempt's.
pub(crate) async fn requeue(tx: &mut Tx, id: JobId, owner: &str, error: &str) -> Result<bool, StoreError> {
    let waiting = tx
        .execute(
            "UPDATE jobs SET state = 'queued', progress = 0, error = $3, lease_owner = NULL, lease_until = NULL
             WHERE tenant_id = :tenant AND id = $1 AND state = 'running' AND lease_owner = $2",
            params![id, owner, error],
        )
        .await?;
    Ok(waiting == 1)
}

/// Puts back what this attempt still has, as if it had never been made.
pub(crate) async fn give_back(tx: &mut Tx, owner: &str) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE jobs SET state = 'queued', progress = 0, attempts = attempts - 1, lease_owner = NULL, lease_until = NULL
         WHERE state = 'running' AND lease_owner = $1",
        params![owner],
    )
    .await
}

/// A running job whose process fell silent.
#[derive(Debug)]
pub(crate) struct Abandoned {
    pub(crate) stored: StoredJob,
    /// The attempt that fell silent.
    pub(crate) owner: String,
}

impl FromRow for Abandoned {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { stored: StoredJob::from_row(row)?, owner: row.get("lease_owner")? })
    }
}

/// Running jobs whose lease is over, whatever their tenant.
pub(crate) async fn abandoned(query: &mut impl Query, now: Timestamp) -> Result<Vec<Abandoned>, StoreError> {
    query
        .query("SELECT * FROM jobs WHERE state = 'running' AND lease_until < $1 ORDER BY id LIMIT 100", params![now])
        .await
}

/// Whether an attempt runs, whatever its tenant and its process.
pub(crate) async fn is_running(query: &mut impl Query, attempt: &str) -> Result<bool, StoreError> {
    let found: Option<StoredJob> = query
        .query_optional("SELECT * FROM jobs WHERE state = 'running' AND lease_owner = $1", params![attempt])
        .await?;
    Ok(found.is_some())
}

/// Says on every waiting job why nothing happens.
pub(crate) async fn explain_waiting(tx: &mut Tx, reason: &str) -> Result<u64, StoreError> {
    tx.execute("UPDATE jobs SET error = $1 WHERE state = 'queued' AND (error IS NULL OR error <> $1)", params![reason])
        .await
}

/// Puts a failed job into the queue with all its attempts; false when it is not failed any more.
pub(crate) async fn retry(tx: &mut Tx, id: JobId) -> Result<bool, StoreError> {
    let waiting = tx
        .execute(
            "UPDATE jobs SET state = 'queued', progress = 0, attempts = 0, error = NULL, retryable = FALSE,
                 finished_at = NULL
             WHERE tenant_id = :tenant AND id = $1 AND state = 'failed'",
            params![id],
        )
        .await?;
    Ok(waiting == 1)
}

/// Content whose renditions must go.
#[derive(Debug)]
pub(crate) struct Removal {
    pub(crate) content_id: ContentId,
    pub(crate) tenant: TenantId,
    pub(crate) busy_until: Option<Timestamp>,
}

impl FromRow for Removal {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            content_id: row.get("content_id")?,
            tenant: row.get("tenant_id")?,
            busy_until: row.get("busy_until")?,
        })
    }
}

/// Removes the jobs of a content item and notes that its renditions must go, once no process works on them.
pub(crate) async fn request_removal(tx: &mut Tx, content: ContentId) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO removals (content_id, tenant_id, busy_until)
         SELECT $1, :tenant, (SELECT MAX(lease_until) FROM jobs WHERE tenant_id = :tenant AND content_id = $1)
         ON CONFLICT (content_id) DO NOTHING",
        params![content],
    )
    .await?;
    tx.execute("DELETE FROM jobs WHERE tenant_id = :tenant AND content_id = $1", params![content]).await?;
    Ok(())
}

/// Removals that wait, whatever their tenant.
pub(crate) async fn removals(query: &mut impl Query) -> Result<Vec<Removal>, StoreError> {
    query.query("SELECT * FROM removals ORDER BY content_id LIMIT 100", params![]).await
}

/// This process has stopped writing renditions of a content item.
pub(crate) async fn stopped(tx: &mut Tx, content: ContentId) -> Result<u64, StoreError> {
    tx.execute("UPDATE removals SET busy_until = NULL WHERE tenant_id = :tenant AND content_id = $1", params![content])
        .await
}

/// The renditions are gone.
pub(crate) async fn removed(tx: &mut Tx, content: ContentId) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM removals WHERE tenant_id = :tenant AND content_id = $1", params![content]).await
}
