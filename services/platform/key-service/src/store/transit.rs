//! Keys that people make.

use std::time::Duration;

use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx, Value};
use nexus_kernel::{Context, TenantId, params};

use super::unreadable;
use crate::transit::{Kind, TransitKey, Version};

impl FromRow for TransitKey {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let (kind, usable_by): (String, String) = (row.get("kind")?, row.get("usable_by")?);
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            kind: Kind::named(&kind).ok_or_else(|| unreadable("kind"))?,
            owner: row.get("owner_id")?,
            usable_by: usable_by.parse().map_err(|_| unreadable("usable_by"))?,
            derived: row.get("derived")?,
            convergent: row.get("convergent")?,
            exportable: row.get("exportable")?,
            deletion_allowed: row.get("deletion_allowed")?,
            latest_version: row.get("latest_version")?,
            min_available_version: row.get("min_available_version")?,
            min_decryption_version: row.get("min_decryption_version")?,
            min_encryption_version: row.get("min_encryption_version")?,
            rotate_every: Duration::from_secs(row.get("rotate_every_seconds")?),
            rotated_at: row.get("rotated_at")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// A key of the tenant.
pub(crate) async fn key(query: &mut impl Query, name: &str) -> Result<Option<TransitKey>, StoreError> {
    query
        .query_optional(
            "SELECT id, tenant_id, name, kind, owner_id, usable_by, derived, convergent, exportable, deletion_allowed,
                    latest_version, min_available_version, min_decryption_version, min_encryption_version,
                    rotate_every_seconds, rotated_at, created_at
             FROM transit_keys WHERE tenant_id = :tenant AND name = $1",
            params![name],
        )
        .await
}

/// The same, kept from others until this unit of work ends.
pub(crate) async fn locked(tx: &mut Tx, name: &str) -> Result<Option<TransitKey>, StoreError> {
    tx.execute("UPDATE transit_keys SET name = name WHERE tenant_id = :tenant AND name = $1", params![name]).await?;
    key(tx, name).await
}

/// How many keys the tenant has.
pub(crate) async fn count(tx: &mut Tx) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) AS number FROM transit_keys WHERE tenant_id = :tenant";
    let Scalar(number) = tx.query_one(sql, params![]).await?;
    Ok(number)
}

/// Their names.
pub(crate) async fn names(context: &Context, tenant: TenantId, limit: i64) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM transit_keys WHERE tenant_id = :tenant ORDER BY name LIMIT $1";
    let names: Vec<Scalar<String>> = context.store.read(tenant).query(sql, params![limit]).await?;
    Ok(names.into_iter().map(|Scalar(name)| name).collect())
}

/// Adds a key; false when the name is taken.
pub(crate) async fn add(tx: &mut Tx, key: &TransitKey) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO transit_keys (id, tenant_id, name, kind, owner_id, usable_by, derived, convergent, exportable,
                 deletion_allowed, latest_version, min_available_version, min_decryption_version, min_encryption_version,
                 rotate_every_seconds, rotated_at, rotate_at, created_at)
             VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
             ON CONFLICT (tenant_id, name) DO NOTHING",
            params![
                key.id.as_str(),
                key.name.as_str(),
                key.kind.as_str(),
                key.owner,
                key.usable_by.as_str(),
                key.derived,
                key.convergent,
                key.exportable,
                key.deletion_allowed,
                key.latest_version,
                key.min_available_version,
                key.min_decryption_version,
                key.min_encryption_version,
                seconds(key.rotate_every),
                key.rotated_at,
                key.rotate_at(),
                key.created_at,
            ],
        )
        .await?;
    Ok(added == 1)
}

fn seconds(duration: Duration) -> Value {
    Value::Int(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX))
}

/// Writes what can change of a key.
pub(crate) async fn update(tx: &mut Tx, key: &TransitKey) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE transit_keys SET usable_by = $2, exportable = $3, deletion_allowed = $4, latest_version = $5,
             min_available_version = $6, min_decryption_version = $7, min_encryption_version = $8,
             rotate_every_seconds = $9, rotated_at = $10, rotate_at = $11
         WHERE tenant_id = :tenant AND id = $1",
        params![
            key.id.as_str(),
            key.usable_by.as_str(),
            key.exportable,
            key.deletion_allowed,
            key.latest_version,
            key.min_available_version,
            key.min_decryption_version,
            key.min_encryption_version,
            seconds(key.rotate_every),
            key.rotated_at,
            key.rotate_at(),
        ],
    )
    .await
    .map(drop)
}

impl FromRow for Version {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { number: row.get("version")?, material: row.get("material")?, created_at: row.get("created_at")? })
    }
}

/// The versions of a key that are there.
pub(crate) async fn versions(query: &mut impl Query, key_id: &str) -> Result<Vec<Version>, StoreError> {
    query
        .query(
            "SELECT version, material, created_at FROM transit_key_versions
             WHERE tenant_id = :tenant AND key_id = $1 ORDER BY version",
            params![key_id],
        )
        .await
}

/// Adds a version.
pub(crate) async fn add_version(tx: &mut Tx, key_id: &str, version: &Version) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO transit_key_versions (key_id, tenant_id, version, material, created_at)
         VALUES ($1, :tenant, $2, $3, $4)",
        params![key_id, version.number, version.material.clone(), version.created_at],
    )
    .await
    .map(drop)
}

/// Forgets a key's versions before this one.
pub(crate) async fn forget_versions_before(tx: &mut Tx, key_id: &str, version: u32) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM transit_key_versions WHERE tenant_id = :tenant AND key_id = $1 AND version < $2",
        params![key_id, version],
    )
    .await
    .map(drop)
}

/// Deletes a key with its versions.
pub(crate) async fn delete(tx: &mut Tx, key_id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM transit_key_versions WHERE tenant_id = :tenant AND key_id = $1", params![key_id]).await?;
    tx.execute("DELETE FROM transit_keys WHERE tenant_id = :tenant AND id = $1", params![key_id]).await.map(drop)
}

struct Due(TenantId, String);

impl FromRow for Due {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self(row.get("tenant_id")?, row.get("name")?))
    }
}

/// The keys that are to be rotated now, of all tenants.
pub(crate) async fn due(context: &Context, limit: i64) -> Result<Vec<(TenantId, String)>, StoreError> {
    let sql = "SELECT tenant_id, name FROM transit_keys WHERE rotate_at <= $1 ORDER BY rotate_at LIMIT $2";
    let due: Vec<Due> = context.store.read(Scope::System).query(sql, params![context.clock.now(), limit]).await?;
    Ok(due.into_iter().map(|Due(tenant, name)| (tenant, name)).collect())
}
