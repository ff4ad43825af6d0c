//! Authorization requests: those that applications pushed, and those that browsers brought.

use nexus_kernel::blobs::hex;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, Timestamp, params};
use sha2::{Digest, Sha256};

use super::{json, to_json};
use crate::application::ApplicationId;
use crate::authorization::{Asked, Authorization, BrowserHash};

impl FromRow for Authorization {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            application: row.get("application_id")?,
            asked: json(row, "asked")?,
            browser: BrowserHash(row.get("browser_hash")?),
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

fn hash(id: &str) -> String {
    hex(&Sha256::digest(id.as_bytes()))
}

/// Keeps a pushed request under its id.
pub(crate) async fn push(
    tx: &mut Tx,
    id: &str,
    application: ApplicationId,
    asked: &Asked,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO pushed_requests (id_hash, tenant_id, application_id, asked, expires_at)
         VALUES ($1, :tenant, $2, $3, $4)",
        params![hash(id), application, to_json(asked), expires_at],
    )
    .await
    .map(drop)
}

struct Pushed(Asked);

impl FromRow for Pushed {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        json(row, "asked").map(Self)
    }
}

/// Takes an application's pushed request away: it is good for one browser (RFC 9126 section 4).
pub(crate) async fn take_pushed(
    tx: &mut Tx,
    id: &str,
    application: ApplicationId,
    now: Timestamp,
) -> Result<Option<Asked>, StoreError> {
    let found: Option<Pushed> = tx
        .query_optional(
            "SELECT asked FROM pushed_requests
             WHERE tenant_id = :tenant AND id_hash = $1 AND application_id = $2 AND expires_at > $3",
            params![hash(id), application, now],
        )
        .await?;
    let taken = tx
        .execute(
            "DELETE FROM pushed_requests WHERE tenant_id = :tenant AND id_hash = $1 AND application_id = $2",
            params![hash(id), application],
        )
        .await?;
    Ok(found.filter(|_| taken == 1).map(|Pushed(asked)| asked))
}

/// Keeps the request that a browser brought.
pub(crate) async fn add(tx: &mut Tx, authorization: &Authorization) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO authorizations (id, tenant_id, application_id, asked, browser_hash, created_at, expires_at)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6)",
        params![
            authorization.id.as_str(),
            authorization.application,
            to_json(&authorization.asked),
            authorization.browser.0.as_str(),
            authorization.created_at,
            authorization.expires_at,
        ],
    )
    .await
    .map(drop)
}

/// A request that waits for its answer. Across tenants: whoever asks may be signed in to another organisation, or to none.
pub(crate) async fn open(context: &Context, id: &str) -> Result<Option<Authorization>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT id, tenant_id, application_id, asked, browser_hash, created_at, expires_at FROM authorizations
             WHERE id = $1 AND answered_at IS NULL AND expires_at > $2",
            params![id, context.clock.now()],
        )
        .await
}

/// Marks a request as answered; false when it was.
pub(crate) async fn answer(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let answered = tx
        .execute(
            "UPDATE authorizations SET answered_at = $2 WHERE tenant_id = :tenant AND id = $1 AND answered_at IS NULL",
            params![id, now],
        )
        .await?;
    Ok(answered == 1)
}
