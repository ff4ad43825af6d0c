//! Every query of puabo-dsp-upload-mgr.

use nexus_contracts::content_management::ContentId;
use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scalar, StoreError, Tx};
use nexus_kernel::{TenantId, Timestamp, UserId, params};
use uuid::Uuid;

use crate::metadata::Metadata;
use crate::part::Chunk;
use crate::upload::{StoredUpload, Upload, UploadState};

/// Sorts after every id: a list without a cursor begins here.
const NEWEST: &str = "g";

impl FromRow for StoredUpload {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let name: String = row.get("state")?;
        let state = UploadState::parse(&name).unwrap_or(UploadState::Refused);
        let filename: String = row.get("filename")?;
        let expires_at = row.get("expires_at").map(Some)?;
        Ok(Self {
            tenant: row.get("tenant_id")?,
            owner: row.get("owner")?,
            metadata: Metadata { raw: row.get("metadata")?, filename: filename.clone(), title: row.get("title")? },
            cause: row.get("cause")?,
            writer_until: row.get("writer_until")?,
            upload: Upload {
                id: row.get("id")?,
                filename,
                size: row.get("size")?,
                offset: row.get("received")?,
                state,
                error: row.get("error")?,
                content_id: row.get("content_id")?,
                created_at: row.get("created_at")?,
                expires_at: if state == UploadState::Receiving { expires_at } else { None },
            },
        })
    }
}

/// A number of bytes as the database keeps it; no upload is larger than this type.
fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How many unfinished uploads a person has.
pub(crate) async fn unfinished(query: &mut impl Query, owner: UserId) -> Result<i64, StoreError> {
    let Scalar(count) = query
        .query_one(
            "SELECT COUNT(*) AS count FROM uploads WHERE tenant_id = :tenant AND owner = $1 AND state = 'receiving'",
            params![owner],
        )
        .await?;
    Ok(count)
}

/// Adds a new upload.
pub(crate) async fn insert(tx: &mut Tx, stored: &StoredUpload) -> Result<(), StoreError> {
    let upload = &stored.upload;
    tx.execute(
        "INSERT INTO uploads (id, tenant_id, owner, filename, title, metadata, size, received, state, created_at, expires_at,
                              cause)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            upload.id,
            stored.owner,
            upload.filename.as_str(),
            stored.metadata.title.as_str(),
            stored.metadata.raw.as_str(),
            bytes(upload.size),
            bytes(upload.offset),
            upload.state.as_str(),
            upload.created_at,
            upload.expires_at.unwrap_or(upload.created_at),
            stored.cause,
        ],
    )
    .await?;
    Ok(())
}

/// An upload of a tenant.
pub(crate) async fn by_id(query: &mut impl Query, id: Uuid) -> Result<Option<StoredUpload>, StoreError> {
    query.query_optional("SELECT * FROM uploads WHERE tenant_id = :tenant AND id = $1", params![id]).await
}

/// A person's uploads, newest first.
pub(crate) async fn list(query: &mut impl Query, owner: UserId, page: &Page) -> Result<Vec<StoredUpload>, StoreError> {
    let after = page.after.as_deref().unwrap_or(NEWEST);
    query
        .query(
            "SELECT * FROM uploads WHERE tenant_id = :tenant AND owner = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
            params![owner, after, page.fetch()],
        )
        .await
}

/// Moves an upload's offset on behind these chunks, and lets it be checked once all is there; the upload as it is then, or
/// nothing when it is not where it was.
pub(crate) async fn advance(
    tx: &mut Tx,
    upload: &Upload,
    reached: u64,
    chunks: &[Chunk],
    expires: Timestamp,
) -> Result<Option<StoredUpload>, StoreError> {
    let state = if reached == upload.size { UploadState::Checking } else { UploadState::Receiving };
    let moved = tx
        .execute(
            "UPDATE uploads SET received = $3, state = $4, expires_at = $5
             WHERE tenant_id = :tenant AND id = $1 AND received = $2 AND state = 'receiving'",
            params![upload.id, bytes(upload.offset), bytes(reached), state.as_str(), expires],
        )
        .await?;
    if moved == 0 {
        return Ok(None);
    }
    for chunk in chunks {
        put_chunk(tx, upload.id, chunk).await?;
    }
    by_id(tx, upload.id).await
}

async fn put_chunk(tx: &mut Tx, upload: Uuid, chunk: &Chunk) -> Result<u64, StoreError> {
    tx.execute(
        "INSERT INTO chunks (upload_id, tenant_id, begins, length, key) VALUES ($1, :tenant, $2, $3, $4)
         ON CONFLICT (upload_id, begins) DO UPDATE SET length = $3, key = $4",
        params![upload, bytes(chunk.begins), bytes(chunk.length), chunk.key.as_str()],
    )
    .await
}

impl FromRow for Chunk {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { begins: row.get("begins")?, length: row.get("length")?, key: row.get("key")? })
    }
}

/// What has arrived of an upload, from its beginning.
pub(crate) async fn chunks(query: &mut impl Query, upload: Uuid) -> Result<Vec<Chunk>, StoreError> {
    query
        .query("SELECT * FROM chunks WHERE tenant_id = :tenant AND upload_id = $1 ORDER BY begins", params![upload])
        .await
}

/// The blobs of an upload are gone.
pub(crate) async fn forget_chunks(tx: &mut Tx, upload: Uuid) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM chunks WHERE tenant_id = :tenant AND upload_id = $1", params![upload]).await
}

/// Takes an upload for an instance, unless another one has it.
pub(crate) async fn claim(
    tx: &mut Tx,
    id: Uuid,
    writer: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE uploads SET writer = $2, writer_until = $4, wanted = FALSE
         WHERE tenant_id = :tenant AND id = $1 AND (writer IS NULL OR writer = $2 OR writer_until <= $3)",
        params![id, writer, now, until],
    )
    .await
}

/// Keeps an upload for longer; whether somebody else wants it, or nothing when it is not this instance's any more.
pub(crate) async fn renew(tx: &mut Tx, id: Uuid, writer: &str, until: Timestamp) -> Result<Option<bool>, StoreError> {
    let kept = tx
        .execute(
            "UPDATE uploads SET writer_until = $3 WHERE tenant_id = :tenant AND id = $1 AND writer = $2",
            params![id, writer, until],
        )
        .await?;
    if kept == 0 {
        return Ok(None);
    }
    let Scalar(wanted) =
        tx.query_one("SELECT wanted FROM uploads WHERE tenant_id = :tenant AND id = $1", params![id]).await?;
    Ok(Some(wanted))
}

/// Asks the instance that has an upload to give it back.
pub(crate) async fn want(tx: &mut Tx, id: Uuid) -> Result<u64, StoreError> {
    tx.execute("UPDATE uploads SET wanted = TRUE WHERE tenant_id = :tenant AND id = $1", params![id]).await
}

/// Gives an upload back.
pub(crate) async fn release(tx: &mut Tx, id: Uuid, writer: &str) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE uploads SET writer = NULL, writer_until = NULL WHERE tenant_id = :tenant AND id = $1 AND writer = $2",
        params![id, writer],
    )
    .await
}

/// Removes an upload.
pub(crate) async fn delete(tx: &mut Tx, id: Uuid) -> Result<u64, StoreError> {
    forget_chunks(tx, id).await?;
    tx.execute("DELETE FROM uploads WHERE tenant_id = :tenant AND id = $1", params![id]).await
}

/// Complete uploads that have to be checked, whatever their tenant, oldest first.
pub(crate) async fn unchecked(query: &mut impl Query, limit: i64) -> Result<Vec<StoredUpload>, StoreError> {
    query.query("SELECT * FROM uploads WHERE state = 'checking' ORDER BY id LIMIT $1", params![limit]).await
}

/// Notes what a checked upload became.
pub(crate) async fn accept(tx: &mut Tx, id: Uuid, content: ContentId, now: Timestamp) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE uploads SET state = 'accepted', content_id = $2, ended_at = $3
         WHERE tenant_id = :tenant AND id = $1 AND state = 'checking'",
        params![id, content, now],
    )
    .await
}

/// Notes why an upload can't be used.
pub(crate) async fn refuse(tx: &mut Tx, id: Uuid, error: &str, now: Timestamp) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE uploads SET state = 'refused', error = $2, ended_at = $3 WHERE tenant_id = :tenant AND id = $1",
        params![id, error, now],
    )
    .await
}

/// Unfinished uploads whose time is over, whatever their tenant.
pub(crate) async fn expired(
    query: &mut impl Query,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<StoredUpload>, StoreError> {
    query
        .query(
            "SELECT * FROM uploads WHERE state = 'receiving' AND expires_at <= $1 ORDER BY id LIMIT $2",
            params![now, limit],
        )
        .await
}

/// Removes an unfinished upload whose time is over; false when more of it arrived meanwhile, or arrives.
pub(crate) async fn expire(tx: &mut Tx, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
    let gone = tx
        .execute(
            "DELETE FROM uploads WHERE tenant_id = :tenant AND id = $1 AND state = 'receiving' AND expires_at <= $2
                 AND (writer IS NULL OR writer_until <= $2)",
            params![id, now],
        )
        .await?;
    if gone == 1 {
        forget_chunks(tx, id).await?;
    }
    Ok(gone == 1)
}

/// Forgets uploads that ended before a moment, whatever their tenant.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM uploads WHERE state IN ('accepted', 'refused') AND ended_at < $1", params![before]).await
}

/// Whether an upload, whatever its tenant, still needs its file.
pub(crate) async fn needs_file(query: &mut impl Query, id: &str) -> Result<bool, StoreError> {
    let found: Option<StoredUpload> = query
        .query_optional("SELECT * FROM uploads WHERE id = $1 AND state IN ('receiving', 'checking')", params![id])
        .await?;
    Ok(found.is_some())
}

/// A file in the blob store that nobody needs any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Removal {
    pub(crate) upload: Uuid,
    pub(crate) tenant: TenantId,
}

impl FromRow for Removal {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { upload: row.get("upload_id")?, tenant: row.get("tenant_id")? })
    }
}

/// Notes that an upload's file in the blob store must go.
pub(crate) async fn request_removal(tx: &mut Tx, upload: Uuid) -> Result<u64, StoreError> {
    tx.execute(
        "INSERT INTO removals (upload_id, tenant_id) VALUES ($1, :tenant) ON CONFLICT DO NOTHING",
        params![upload],
    )
    .await
}

/// Files that must go, whatever their tenant.
pub(crate) async fn removals(query: &mut impl Query, limit: i64) -> Result<Vec<Removal>, StoreError> {
    query.query("SELECT * FROM removals ORDER BY upload_id LIMIT $1", params![limit]).await
}

/// The file is gone.
pub(crate) async fn removed(tx: &mut Tx, upload: Uuid) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM removals WHERE tenant_id = :tenant AND upload_id = $1", params![upload]).await
}
