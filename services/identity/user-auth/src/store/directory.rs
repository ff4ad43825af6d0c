//! What directories look for: accounts and groups by the values of their attributes.

use nexus_contracts::user_auth::{EmailAddress, GroupId};
use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx, Value};
use nexus_kernel::{Context, TenantId, UserId, params};

use super::{group_columns, user_columns};
use crate::group::Group;
use crate::scim::attribute::Attribute;
use crate::scim::schema::{GROUPS, ResourceType, USERS};
use crate::scim::search::{self, Search};
use crate::scim::{group_entry, person_entry};
use crate::user::{Entry, User};

/// Puts down what can be looked for of an account.
pub(super) async fn index_user(tx: &mut Tx, user: &User) -> Result<(), StoreError> {
    index(tx, user.id.into(), &USERS, &person_entry(user)).await
}

/// Puts down what can be looked for of a group.
pub(super) async fn index_group(tx: &mut Tx, group: &Group) -> Result<(), StoreError> {
    index(tx, group.id.into(), &GROUPS, &group_entry(group)).await
}

async fn index(tx: &mut Tx, id: Value, resource: &'static ResourceType, entry: &Entry) -> Result<(), StoreError> {
    tx.execute("DELETE FROM directory_values WHERE tenant_id = :tenant AND resource_id = $1", vec![id.clone()]).await?;
    for attribute in resource.attributes {
        let Some(value) = entry.get(attribute.name) else { continue };
        if resource.extensions.iter().any(|extension| extension.id == attribute.name) {
            for inner in attribute.parts() {
                if let Some(value) = value.get(inner.name) {
                    add_values(tx, &id, &format!("{}:{}", attribute.name, inner.name), inner, value).await?;
                }
            }
        } else {
            add_values(tx, &id, attribute.name, attribute, value).await?;
        }
    }
    Ok(())
}

async fn add_values(
    tx: &mut Tx,
    id: &Value,
    name: &str,
    attribute: &Attribute,
    value: &serde_json::Value,
) -> Result<(), StoreError> {
    for (position, part, text) in search::rows(attribute, value) {
        tx.execute(
            "INSERT INTO directory_values (resource_id, tenant_id, attribute, position, part, value)
             VALUES ($1, :tenant, $2, $3, $4, $5)",
            vec![id.clone(), name.into(), position.into(), part.into(), text.into()],
        )
        .await?;
    }
    Ok(())
}

/// How many accounts a search finds.
pub(crate) async fn count_found_users(context: &Context, tenant: TenantId, search: &Search) -> Result<i64, StoreError> {
    let sql = format!("SELECT count(*) FROM users r WHERE r.tenant_id = :tenant AND {}", search.condition);
    let Scalar(count) = context.store.read(tenant).query_one(&sql, search.params_of_condition()).await?;
    Ok(count)
}

/// The accounts that a search finds, from this place on.
pub(crate) async fn found_users(
    context: &Context,
    tenant: TenantId,
    search: &Search,
    from: i64,
    most: i64,
) -> Result<Vec<User>, StoreError> {
    let (page, params) = search.page(from, most);
    let sql = format!(
        "SELECT {columns} FROM users r JOIN users u ON u.id = r.id JOIN organisations o ON o.tenant_id = u.tenant_id
         WHERE r.tenant_id = :tenant AND {condition} {page}",
        columns = user_columns!(),
        condition = search.condition,
    );
    context.store.read(tenant).query(&sql, params).await
}

/// How many groups a search finds.
pub(crate) async fn count_found_groups(
    context: &Context,
    tenant: TenantId,
    search: &Search,
) -> Result<i64, StoreError> {
    let sql = format!("SELECT count(*) FROM groups r WHERE r.tenant_id = :tenant AND {}", search.condition);
    let Scalar(count) = context.store.read(tenant).query_one(&sql, search.params_of_condition()).await?;
    Ok(count)
}

/// The groups that a search finds, from this place on.
pub(crate) async fn found_groups(
    context: &Context,
    tenant: TenantId,
    search: &Search,
    from: i64,
    most: i64,
) -> Result<Vec<Group>, StoreError> {
    let (page, params) = search.page(from, most);
    let sql = format!(
        "SELECT {columns} FROM groups r JOIN groups g ON g.id = r.id
         WHERE r.tenant_id = :tenant AND {condition} {page}",
        columns = group_columns!(),
        condition = search.condition,
    );
    context.store.read(tenant).query(&sql, params).await
}

/// An id and the name that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl FromRow for Named {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.get("id")?, name: row.get("name")? })
    }
}

/// The groups that somebody is in.
pub(crate) async fn named_groups(query: &mut impl Query, user: UserId) -> Result<Vec<Named>, StoreError> {
    query
        .query(
            "SELECT g.id, g.name FROM group_members m JOIN groups g ON g.id = m.group_id
             WHERE m.tenant_id = :tenant AND m.user_id = $1 ORDER BY g.name_key",
            params![user],
        )
        .await
}

/// The people in a group.
pub(crate) async fn member_ids(query: &mut impl Query, group: GroupId) -> Result<Vec<UserId>, StoreError> {
    let members: Vec<Scalar<UserId>> = query
        .query(
            "SELECT user_id FROM group_members WHERE tenant_id = :tenant AND group_id = $1 ORDER BY user_id",
            params![group],
        )
        .await?;
    Ok(members.into_iter().map(|Scalar(user)| user).collect())
}

/// Whether another account of the organisation has this name in the directory.
pub(crate) async fn user_name_taken(tx: &mut Tx, id: UserId, user_name: &str) -> Result<bool, StoreError> {
    let others: Vec<Scalar<UserId>> = tx
        .query(
            "SELECT id FROM users WHERE tenant_id = :tenant AND user_name_key = $1 AND id <> $2",
            params![user_name.to_lowercase(), id],
        )
        .await?;
    Ok(!others.is_empty())
}

/// Whether another account has this address. Across tenants: an address is one person's, wherever their account is.
pub(crate) async fn address_taken(context: &Context, id: UserId, email: &EmailAddress) -> Result<bool, StoreError> {
    let others: Vec<Scalar<UserId>> = context
        .store
        .read(Scope::System)
        .query("SELECT id FROM users WHERE email = $1 AND id <> $2", params![email.as_str(), id])
        .await?;
    Ok(!others.is_empty())
}
