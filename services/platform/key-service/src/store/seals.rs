//! The seal and the root keys. They belong to the cloud and to no tenant.

use nexus_kernel::config::SealKind;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError};
use nexus_kernel::{Context, Timestamp, params};

use crate::seal::{SealRecord, WrappedRoot};

const KINDS: [(SealKind, &str); 3] =
    [(SealKind::File, "file"), (SealKind::Passphrase, "passphrase"), (SealKind::Shamir, "shamir")];

fn number<T: TryFrom<i64>>(row: &Row, column: &str) -> Result<T, StoreError> {
    let unreadable = |_| StoreError::Column { column: column.to_owned(), reason: "its value is out of range" };
    row.get::<i64>(column)?.try_into().map_err(unreadable)
}

impl FromRow for SealRecord {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let kind: String = row.get("kind")?;
        let known = KINDS.iter().find(|(_, name)| *name == kind).map(|(kind, _)| *kind);
        let unknown = || StoreError::Column { column: "kind".to_owned(), reason: "it is no kind of seal" };
        Ok(Self {
            kind: known.ok_or_else(unknown)?,
            salt: row.get("salt")?,
            shares: number(row, "shares")?,
            threshold: number(row, "threshold")?,
        })
    }
}

impl FromRow for WrappedRoot {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { generation: number(row, "generation")?, wrapped: row.get("wrapped")? })
    }
}

/// How the keys are sealed, once there are any.
pub(crate) async fn record(context: &Context) -> Result<Option<SealRecord>, StoreError> {
    let sql = "SELECT kind, salt, shares, threshold FROM seals";
    context.store.read(Scope::System).query_optional(sql, params![]).await
}

/// All root keys.
pub(crate) async fn roots(context: &Context) -> Result<Vec<WrappedRoot>, StoreError> {
    let sql = "SELECT generation, wrapped FROM root_keys ORDER BY generation";
    context.store.read(Scope::System).query(sql, params![]).await
}

/// Keeps the first root key; false when there is one.
pub(crate) async fn begin(context: &Context, record: &SealRecord, root: &WrappedRoot) -> Result<bool, StoreError> {
    let now = context.clock.now();
    let kind = KINDS.iter().find(|(kind, _)| *kind == record.kind).map_or("", |(_, name)| *name);
    let mut tx = context.store.begin(Scope::System).await?;
    let begun = tx
        .execute(
            "INSERT INTO seals (id, kind, salt, shares, threshold, created_at) VALUES (1, $1, $2, $3, $4, $5)
             ON CONFLICT (id) DO NOTHING",
            params![kind, record.salt.clone(), i64::from(record.shares), i64::from(record.threshold), now],
        )
        .await?;
    if begun == 0 {
        return Ok(false);
    }
    tx.execute(
        "INSERT INTO root_keys (generation, wrapped, created_at) VALUES ($1, $2, $3)",
        params![i64::from(root.generation), root.wrapped.clone(), now],
    )
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// Adds the next root key; false when another process has added it.
pub(crate) async fn add_root(context: &Context, root: &WrappedRoot) -> Result<bool, StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    let added = tx
        .execute(
            "INSERT INTO root_keys (generation, wrapped, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (generation) DO NOTHING",
            params![i64::from(root.generation), root.wrapped.clone(), context.clock.now()],
        )
        .await?;
    tx.commit().await?;
    Ok(added == 1)
}

/// When the newest root key was made, and its generation.
pub(crate) async fn newest(context: &Context) -> Result<Option<(u32, Timestamp)>, StoreError> {
    let sql = "SELECT generation, created_at FROM root_keys ORDER BY generation DESC LIMIT 1";
    let row: Option<Row> = context.store.read(Scope::System).query_optional(sql, params![]).await?;
    row.map(|row| Ok((number(&row, "generation")?, row.get("created_at")?))).transpose()
}
