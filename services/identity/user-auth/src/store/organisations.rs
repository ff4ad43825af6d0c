//! Organisations, and how many owners each has.

use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Context, TenantId, Timestamp, params};

use crate::name::Name;
use crate::organisation::{Organisation, Slug};
use crate::user::Owners;

impl FromRow for Organisation {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.get("tenant_id")?,
            name: Name::stored(row.get("name")?),
            slug: row.get::<Option<String>>("slug")?.map(Slug::stored),
            created_at: row.get("created_at")?,
            version: row.get("version")?,
        })
    }
}

/// The organisation of the scope.
pub(crate) async fn organisation(query: &mut impl Query) -> Result<Option<Organisation>, StoreError> {
    query
        .query_optional(
            "SELECT tenant_id, name, slug, created_at, version FROM organisations WHERE tenant_id = :tenant",
            params![],
        )
        .await
}

/// Whether another organisation has a short name. Across tenants: it is part of an address that all of them share.
pub(crate) async fn slug_taken(context: &Context, tenant: TenantId, slug: &Slug) -> Result<bool, StoreError> {
    let others: Vec<Scalar<TenantId>> = context
        .store
        .read(Scope::System)
        .query(
            "SELECT tenant_id FROM organisations WHERE slug = $1 AND tenant_id <> $2",
            params![slug.as_str(), tenant],
        )
        .await?;
    Ok(!others.is_empty())
}

/// Stores an organisation's name and short name; false unless it still has the version before.
pub(crate) async fn update_organisation(tx: &mut Tx, changed: &Organisation) -> Result<bool, StoreError> {
    let slug = changed.slug.as_ref().map(Slug::as_str);
    let updated = tx
        .execute(
            "UPDATE organisations SET name = $1, slug = $2, version = $3 WHERE tenant_id = :tenant AND version = $4",
            params![changed.name.as_str(), slug, changed.version, changed.version - 1],
        )
        .await?;
    Ok(updated == 1)
}

/// The organisation that set-up made and that newcomers join. Across tenants: whoever asks is of none yet.
pub(crate) async fn first_organisation(context: &Context) -> Result<Option<Organisation>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT tenant_id, name, slug, created_at, version FROM organisations WHERE made_at_setup = 1",
            params![],
        )
        .await
}

/// Adds the organisation that set-up makes, with one owner to come; false when there is one.
pub(crate) async fn add_first_organisation(tx: &mut Tx, name: &Name, now: Timestamp) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO organisations (tenant_id, name, owners, created_at, made_at_setup)
             VALUES (:tenant, $1, 1, $2, 1) ON CONFLICT (made_at_setup) DO NOTHING",
            params![name.as_str(), now],
        )
        .await?;
    Ok(added == 1)
}

/// Changes the number of owners; false when none would be left. On PostgreSQL this also makes two owners who leave at the same
/// moment wait for each other.
pub(crate) async fn count_owners(tx: &mut Tx, change: Owners) -> Result<bool, StoreError> {
    let difference = match change {
        Owners::OneMore => 1_i64,
        Owners::OneLess => -1,
        Owners::AsMany => return Ok(true),
    };
    let counted = tx
        .execute(
            "UPDATE organisations SET owners = owners + $1 WHERE tenant_id = :tenant AND owners + $1 >= 1",
            params![difference],
        )
        .await?;
    Ok(counted == 1)
}
