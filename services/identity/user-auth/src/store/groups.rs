//! Groups and who is in them.

use nexus_contracts::user_auth::GroupId;
use nexus_kernel::auth::Role;
use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scalar, StoreError, Tx};
use nexus_kernel::{Context, TenantId, Timestamp, UserId, params};

use super::{index_group, role_names, user_columns};
use crate::group::Group;
use crate::name::Name;
use crate::user::User;

/// What is selected of a group, from `groups g`.
macro_rules! group_columns {
    () => {
        "g.id, g.tenant_id, g.name, g.external_id, g.roles, g.created_at, g.updated_at, g.version,
         (SELECT count(*) FROM group_members m WHERE m.group_id = g.id) AS members"
    };
}

pub(super) use group_columns;

impl FromRow for Group {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: Name::stored(row.get("name")?),
            external_id: row.get("external_id")?,
            roles: role_names(row, "roles")?,
            members: row.get("members")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            version: row.get("version")?,
        })
    }
}

/// Roles as a group's row has them.
fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
}

/// The names of groups are compared in lower case.
fn key(name: &Name) -> String {
    name.as_str().to_lowercase()
}

/// A group.
pub(crate) async fn group(query: &mut impl Query, id: GroupId) -> Result<Option<Group>, StoreError> {
    query
        .query_optional(
            concat!("SELECT ", group_columns!(), " FROM groups g WHERE g.tenant_id = :tenant AND g.id = $1"),
            params![id],
        )
        .await
}

/// One page of an organisation's groups, newest first.
pub(crate) async fn groups(context: &Context, tenant: TenantId, page: &Page) -> Result<Vec<Group>, StoreError> {
    context
        .store
        .read(tenant)
        .query(
            concat!(
                "SELECT ",
                group_columns!(),
                " FROM groups g
                 WHERE g.tenant_id = :tenant AND (CAST($1 AS TEXT) IS NULL OR g.id < $1)
                 ORDER BY g.id DESC LIMIT $2"
            ),
            params![page.after.clone(), page.fetch()],
        )
        .await
}

/// One page of the groups that a person is in, newest first.
pub(crate) async fn groups_of(
    context: &Context,
    tenant: TenantId,
    user: UserId,
    page: &Page,
) -> Result<Vec<Group>, StoreError> {
    context
        .store
        .read(tenant)
        .query(
            concat!(
                "SELECT ",
                group_columns!(),
                " FROM group_members own JOIN groups g ON g.id = own.group_id
                 WHERE own.tenant_id = :tenant AND own.user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR g.id < $2)
                 ORDER BY g.id DESC LIMIT $3"
            ),
            params![user, page.after.clone(), page.fetch()],
        )
        .await
}

/// All groups that a person is in.
pub(crate) async fn groups_with(query: &mut impl Query, user: UserId) -> Result<Vec<Group>, StoreError> {
    query
        .query(
            concat!(
                "SELECT ",
                group_columns!(),
                " FROM group_members own JOIN groups g ON g.id = own.group_id
                 WHERE own.tenant_id = :tenant AND own.user_id = $1 ORDER BY g.id"
            ),
            params![user],
        )
        .await
}

/// The names of the groups that a person is in, sorted.
pub(crate) async fn group_names(query: &mut impl Query, user: UserId) -> Result<Vec<String>, StoreError> {
    let names: Vec<Scalar<String>> = query
        .query(
            "SELECT g.name FROM group_members m JOIN groups g ON g.id = m.group_id
             WHERE m.tenant_id = :tenant AND m.user_id = $1 ORDER BY g.name_key",
            params![user],
        )
        .await?;
    Ok(names.into_iter().map(|Scalar(name)| name).collect())
}

/// How many groups the organisation has.
pub(crate) async fn count_groups(tx: &mut Tx) -> Result<i64, StoreError> {
    let Scalar(count) = tx.query_one("SELECT count(*) FROM groups WHERE tenant_id = :tenant", params![]).await?;
    Ok(count)
}

/// Adds a group; false when another has its name.
pub(crate) async fn add_group(tx: &mut Tx, group: &Group) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO groups (id, tenant_id, name, name_key, external_id, roles, created_at, updated_at, version)
             VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, name_key) DO NOTHING",
            params![
                group.id,
                group.name.as_str(),
                key(&group.name),
                group.external_id.clone(),
                names(&group.roles),
                group.created_at,
                group.updated_at,
                group.version,
            ],
        )
        .await?;
    if added == 1 {
        index_group(tx, group).await?;
    }
    Ok(added == 1)
}

/// Whether another group has this one's name.
pub(crate) async fn group_name_taken(tx: &mut Tx, group: &Group) -> Result<bool, StoreError> {
    let others: Vec<Scalar<GroupId>> = tx
        .query(
            "SELECT id FROM groups WHERE tenant_id = :tenant AND name_key = $1 AND id <> $2",
            params![key(&group.name), group.id],
        )
        .await?;
    Ok(!others.is_empty())
}

/// Stores a group's name and roles; false unless it still has the version before.
pub(crate) async fn update_group(tx: &mut Tx, group: &Group) -> Result<bool, StoreError> {
    let updated = tx
        .execute(
            "UPDATE groups SET name = $2, name_key = $3, external_id = $4, roles = $5, updated_at = $6, version = $7
             WHERE tenant_id = :tenant AND id = $1 AND version = $8",
            params![
                group.id,
                group.name.as_str(),
                key(&group.name),
                group.external_id.clone(),
                names(&group.roles),
                group.updated_at,
                group.version,
                group.version - 1,
            ],
        )
        .await?;
    if updated == 1 {
        index_group(tx, group).await?;
    }
    Ok(updated == 1)
}

/// Counts a change of a group's members; false when there is no such group.
pub(crate) async fn touch_group(tx: &mut Tx, id: GroupId, now: Timestamp) -> Result<bool, StoreError> {
    let touched = tx
        .execute(
            "UPDATE groups SET updated_at = $2, version = version + 1 WHERE tenant_id = :tenant AND id = $1",
            params![id, now],
        )
        .await?;
    Ok(touched == 1)
}

/// Removes a group with its memberships; false when there is none.
pub(crate) async fn remove_group(tx: &mut Tx, id: GroupId) -> Result<bool, StoreError> {
    tx.execute("DELETE FROM group_members WHERE tenant_id = :tenant AND group_id = $1", params![id]).await?;
    tx.execute("DELETE FROM directory_values WHERE tenant_id = :tenant AND resource_id = $1", params![id]).await?;
    let removed = tx.execute("DELETE FROM groups WHERE tenant_id = :tenant AND id = $1", params![id]).await?;
    Ok(removed == 1)
}

/// Everybody in a group.
pub(crate) async fn everybody_in(query: &mut impl Query, id: GroupId) -> Result<Vec<User>, StoreError> {
    query
        .query(
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM group_members own JOIN users u ON u.id = own.user_id
                  JOIN organisations o ON o.tenant_id = u.tenant_id
                 WHERE own.tenant_id = :tenant AND own.group_id = $1 ORDER BY u.id"
            ),
            params![id],
        )
        .await
}

/// One page of the people in a group, newest account first.
pub(crate) async fn members(
    context: &Context,
    tenant: TenantId,
    id: GroupId,
    page: &Page,
) -> Result<Vec<User>, StoreError> {
    context
        .store
        .read(tenant)
        .query(
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM group_members own JOIN users u ON u.id = own.user_id
                  JOIN organisations o ON o.tenant_id = u.tenant_id
                 WHERE own.tenant_id = :tenant AND own.group_id = $1 AND (CAST($2 AS TEXT) IS NULL OR u.id < $2)
                 ORDER BY u.id DESC LIMIT $3"
            ),
            params![id, page.after.clone(), page.fetch()],
        )
        .await
}

/// Puts somebody into a group; false when the person is in it.
pub(crate) async fn add_member(tx: &mut Tx, id: GroupId, user: UserId, now: Timestamp) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO group_members (group_id, user_id, tenant_id, added_at) VALUES ($1, $2, :tenant, $3)
             ON CONFLICT (group_id, user_id) DO NOTHING",
            params![id, user, now],
        )
        .await?;
    Ok(added == 1)
}

/// Takes somebody out of a group; false when the person is not in it.
pub(crate) async fn remove_member(tx: &mut Tx, id: GroupId, user: UserId) -> Result<bool, StoreError> {
    let removed = tx
        .execute(
            "DELETE FROM group_members WHERE tenant_id = :tenant AND group_id = $1 AND user_id = $2",
            params![id, user],
        )
        .await?;
    Ok(removed == 1)
}
