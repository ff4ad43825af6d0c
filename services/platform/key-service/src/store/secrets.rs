//! Secrets, their versions and their folders.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_kernel::store::{FromRow, Query, Row, Scalar, StoreError, Tx, Value};
use nexus_kernel::{Timestamp, params};

use super::unreadable;
use crate::kv::{Folder, Path, Rules, Secret, Version};

fn seconds(duration: Duration) -> Value {
    Value::Int(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX))
}

impl FromRow for Rules {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            max_versions: row.get("max_versions")?,
            cas_required: row.get("cas_required")?,
            delete_after: Duration::from_secs(row.get("delete_after_seconds")?),
        })
    }
}

impl FromRow for Secret {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let notes: String = row.get("custom_metadata")?;
        Ok(Self {
            path: row.get("path")?,
            current_version: row.get("current_version")?,
            rules: Rules::from_row(row)?,
            notes: serde_json::from_str(&notes).map_err(|_| unreadable("custom_metadata"))?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

fn notes(notes: &BTreeMap<String, String>) -> Result<String, StoreError> {
    serde_json::to_string(notes).map_err(|_| unreadable("custom_metadata"))
}

/// A secret of the tenant.
pub(crate) async fn secret(query: &mut impl Query, path: &Path) -> Result<Option<Secret>, StoreError> {
    query
        .query_optional(
            "SELECT path, current_version, max_versions, cas_required, delete_after_seconds, custom_metadata, created_at,
                    updated_at
             FROM secrets WHERE tenant_id = :tenant AND path = $1",
            params![path.as_str()],
        )
        .await
}

/// The same, kept from others until this unit of work ends.
pub(crate) async fn locked(tx: &mut Tx, path: &Path) -> Result<Option<Secret>, StoreError> {
    tx.execute("UPDATE secrets SET path = path WHERE tenant_id = :tenant AND path = $1", params![path.as_str()])
        .await?;
    secret(tx, path).await
}

/// Adds a secret; false when it is there.
pub(crate) async fn add(tx: &mut Tx, secret: &Secret, folder: &Folder) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO secrets (tenant_id, path, folder, current_version, max_versions, cas_required,
                 delete_after_seconds, custom_metadata, created_at, updated_at)
             VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, path) DO NOTHING",
            params![
                secret.path.as_str(),
                folder.as_str(),
                secret.current_version,
                secret.rules.max_versions,
                secret.rules.cas_required,
                seconds(secret.rules.delete_after),
                notes(&secret.notes)?,
                secret.created_at,
                secret.updated_at,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// Writes what can change of a secret.
pub(crate) async fn update(tx: &mut Tx, secret: &Secret) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE secrets SET current_version = $2, max_versions = $3, cas_required = $4, delete_after_seconds = $5,
             custom_metadata = $6, updated_at = $7
         WHERE tenant_id = :tenant AND path = $1",
        params![
            secret.path.as_str(),
            secret.current_version,
            secret.rules.max_versions,
            secret.rules.cas_required,
            seconds(secret.rules.delete_after),
            notes(&secret.notes)?,
            secret.updated_at,
        ],
    )
    .await
    .map(drop)
}

/// Adds folders that are not there. Those that are there are kept from being removed as empty meanwhile.
pub(crate) async fn add_folders(tx: &mut Tx, folders: impl Iterator<Item = Folder>) -> Result<(), StoreError> {
    for folder in folders {
        tx.execute(
            "INSERT INTO secret_folders (tenant_id, path, folder) VALUES (:tenant, $1, $2)
             ON CONFLICT (tenant_id, path) DO UPDATE SET folder = excluded.folder",
            params![folder.as_str(), folder.parent().as_str()],
        )
        .await?;
    }
    Ok(())
}

/// Removes a folder that has nothing in it; false when it has something.
pub(crate) async fn forget_folder_if_empty(tx: &mut Tx, folder: &Folder) -> Result<bool, StoreError> {
    // First kept from others: whoever adds something to it meanwhile waits, and then finds that it is gone.
    tx.execute(
        "UPDATE secret_folders SET folder = folder WHERE tenant_id = :tenant AND path = $1",
        params![folder.as_str()],
    )
    .await?;
    let Scalar(inside): Scalar<i64> = tx
        .query_one(
            "SELECT (SELECT COUNT(*) FROM secrets WHERE tenant_id = :tenant AND folder = $1)
                  + (SELECT COUNT(*) FROM secret_folders WHERE tenant_id = :tenant AND folder = $1) AS inside",
            params![folder.as_str()],
        )
        .await?;
    if inside > 0 {
        return Ok(false);
    }
    let sql = "DELETE FROM secret_folders WHERE tenant_id = :tenant AND path = $1";
    tx.execute(sql, params![folder.as_str()]).await?;
    Ok(true)
}

/// The paths of everything in a folder.
pub(crate) async fn paths(query: &mut impl Query, folder: &Folder, limit: i64) -> Result<Vec<String>, StoreError> {
    let found: Vec<Scalar<String>> = query
        .query(
            "SELECT path FROM secrets WHERE tenant_id = :tenant AND folder = $1
             UNION ALL SELECT path FROM secret_folders WHERE tenant_id = :tenant AND folder = $1 LIMIT $2",
            params![folder.as_str(), limit],
        )
        .await?;
    Ok(found.into_iter().map(|Scalar(path)| path).collect())
}

impl FromRow for Version {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.get("version")?,
            created_at: row.get("created_at")?,
            deleted_at: row.get("deleted_at")?,
            destroyed: row.get("destroyed")?,
        })
    }
}

/// A version of a secret.
pub(crate) async fn version(query: &mut impl Query, path: &Path, version: u32) -> Result<Option<Version>, StoreError> {
    query
        .query_optional(
            "SELECT version, created_at, deleted_at, value IS NULL AS destroyed FROM secret_versions
             WHERE tenant_id = :tenant AND path = $1 AND version = $2",
            params![path.as_str(), version],
        )
        .await
}

/// All versions of a secret that are there.
pub(crate) async fn versions(query: &mut impl Query, path: &Path) -> Result<Vec<Version>, StoreError> {
    query
        .query(
            "SELECT version, created_at, deleted_at, value IS NULL AS destroyed FROM secret_versions
             WHERE tenant_id = :tenant AND path = $1 ORDER BY version",
            params![path.as_str()],
        )
        .await
}

/// The value of a version, encrypted.
pub(crate) async fn value(query: &mut impl Query, path: &Path, version: u32) -> Result<Option<Vec<u8>>, StoreError> {
    let found: Option<Scalar<Vec<u8>>> = query
        .query_optional(
            "SELECT value FROM secret_versions
             WHERE tenant_id = :tenant AND path = $1 AND version = $2 AND value IS NOT NULL",
            params![path.as_str(), version],
        )
        .await?;
    Ok(found.map(|Scalar(value)| value))
}

/// Adds a version.
pub(crate) async fn add_version(tx: &mut Tx, path: &Path, version: &Version, value: &[u8]) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO secret_versions (tenant_id, path, version, value, created_at, deleted_at)
         VALUES (:tenant, $1, $2, $3, $4, $5)",
        params![path.as_str(), version.number, value, version.created_at, version.deleted_at],
    )
    .await
    .map(drop)
}

/// Forgets a secret's versions before this one.
pub(crate) async fn forget_versions_before(tx: &mut Tx, path: &Path, version: u32) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM secret_versions WHERE tenant_id = :tenant AND path = $1 AND version < $2",
        params![path.as_str(), version],
    )
    .await
    .map(drop)
}

/// Marks a version as deleted since then, or as not deleted. A destroyed one stays as it is.
pub(crate) async fn set_deleted(
    tx: &mut Tx,
    path: &Path,
    version: u32,
    deleted_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE secret_versions SET deleted_at = $3
         WHERE tenant_id = :tenant AND path = $1 AND version = $2 AND value IS NOT NULL",
        params![path.as_str(), version, deleted_at],
    )
    .await
    .map(drop)
}

/// Removes the value of a version for ever.
pub(crate) async fn destroy(tx: &mut Tx, path: &Path, version: u32) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE secret_versions SET value = NULL WHERE tenant_id = :tenant AND path = $1 AND version = $2",
        params![path.as_str(), version],
    )
    .await
    .map(drop)
}

/// Removes a secret and its versions.
pub(crate) async fn forget(tx: &mut Tx, path: &Path) -> Result<(), StoreError> {
    let versions = "DELETE FROM secret_versions WHERE tenant_id = :tenant AND path = $1";
    tx.execute(versions, params![path.as_str()]).await?;
    let secret = "DELETE FROM secrets WHERE tenant_id = :tenant AND path = $1";
    tx.execute(secret, params![path.as_str()]).await.map(drop)
}

/// The tenant's rules, or those that hold where it has none.
pub(crate) async fn rules(query: &mut impl Query) -> Result<Rules, StoreError> {
    let sql = "SELECT max_versions, cas_required, delete_after_seconds FROM secret_rules WHERE tenant_id = :tenant";
    Ok(query.query_optional(sql, params![]).await?.unwrap_or_default())
}

/// Sets the tenant's rules.
pub(crate) async fn set_rules(tx: &mut Tx, rules: Rules) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO secret_rules (tenant_id, max_versions, cas_required, delete_after_seconds)
         VALUES (:tenant, $1, $2, $3) ON CONFLICT (tenant_id) DO UPDATE SET max_versions = excluded.max_versions,
             cas_required = excluded.cas_required, delete_after_seconds = excluded.delete_after_seconds",
        params![rules.max_versions, rules.cas_required, seconds(rules.delete_after)],
    )
    .await
    .map(drop)
}
