//! Keys of other services: the cloud's own.

use nexus_kernel::store::{FromRow, Query, Row, StoreError, Tx};
use nexus_kernel::{Context, params};

use crate::columns::{CLOUD, ContextKey, StoredKey};

impl FromRow for StoredKey {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let material: Option<Vec<u8>> = row.get("material")?;
        Ok(material.map_or(Self::Shredded, Self::Material))
    }
}

/// A key, once it was made or shredded.
pub(crate) async fn key(context: &Context, id: &ContextKey) -> Result<Option<StoredKey>, StoreError> {
    context
        .store
        .read(CLOUD)
        .query_optional(
            "SELECT material FROM context_keys
             WHERE tenant_id = :tenant AND service = $1 AND context_hash = $2",
            params![id.service.as_str(), id.context_hash.as_str()],
        )
        .await
}

/// Adds a key, unless it is there.
pub(crate) async fn add(context: &Context, id: &ContextKey, material: &[u8]) -> Result<(), StoreError> {
    let mut tx = context.store.begin(CLOUD).await?;
    tx.execute(
        "INSERT INTO context_keys (tenant_id, service, context_hash, material, created_at)
         VALUES (:tenant, $1, $2, $3, $4) ON CONFLICT (tenant_id, service, context_hash) DO NOTHING",
        params![id.service.as_str(), id.context_hash.as_str(), material, context.clock.now()],
    )
    .await?;
    tx.commit().await
}

/// Forgets a key for ever, whether it was ever made or not.
pub(crate) async fn shred(context: &Context, tx: &mut Tx, id: &ContextKey) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO context_keys (tenant_id, service, context_hash, created_at, shredded_at)
         VALUES (:tenant, $1, $2, $3, $3) ON CONFLICT (tenant_id, service, context_hash)
         DO UPDATE SET material = NULL, shredded_at = COALESCE(context_keys.shredded_at, excluded.shredded_at)",
        params![id.service.as_str(), id.context_hash.as_str(), context.clock.now()],
    )
    .await
    .map(drop)
}
