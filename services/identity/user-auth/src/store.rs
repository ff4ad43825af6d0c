//! Every query of this service: accounts here, what else there is in a file for each noun, what jobs have to do in `work`.

mod directory;
mod erasure;
mod groups;
mod invitations;
mod organisations;
mod work;

use nexus_contracts::user_auth::EmailAddress;
use nexus_kernel::auth::Role;
use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Context, Principal, TenantId, Timestamp, UserId, params};
use serde::de::DeserializeOwned;

pub(crate) use self::directory::*;
pub(crate) use self::erasure::*;
pub(crate) use self::groups::*;
pub(crate) use self::invitations::*;
pub(crate) use self::organisations::*;
pub(crate) use self::work::*;
use crate::name::Name;
use crate::password::PasswordHash;
use crate::user::{Entry, User, in_order};
use crate::verification::TokenHash;

fn email(row: &Row, column: &str) -> Result<EmailAddress, StoreError> {
    row.get::<String>(column).map(|text| EmailAddress::normalised(&text))
}

/// A column that holds JSON.
fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|_| StoreError::Column { column: column.to_owned(), reason: "it is not what this service wrote" })
}

/// A column that holds JSON or nothing.
fn optional_json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, StoreError> {
    match row.get::<Option<String>>(column)? {
        Some(_) => json(row, column).map(Some),
        None => Ok(None),
    }
}

fn entry_text(entry: Option<&Entry>) -> Option<String> {
    entry.map(|entry| serde_json::Value::Object(entry.clone()).to_string())
}

/// Roles as a column of names with spaces between them holds them; they may repeat.
fn role_names(row: &Row, column: &str) -> Result<Vec<Role>, StoreError> {
    let text: String = row.get(column)?;
    let roles = text.split_ascii_whitespace().map(str::parse).collect::<Result<Vec<Role>, _>>();
    roles.map_err(|_| StoreError::Column { column: column.to_owned(), reason: "it is not what this service wrote" })
}

fn roles_text(roles: &[Role]) -> String {
    let names: Vec<String> = roles.iter().map(|role| format!("\"{role}\"")).collect();
    format!("[{}]", names.join(","))
}

/// What is selected of an account, from `users u` and `organisations o`.
macro_rules! user_columns {
    () => {
        "u.id, u.tenant_id, o.name AS organisation, u.name, u.email, u.email_verified_at, u.user_name, u.directory_entry,
         u.roles, u.deactivated_at,
         u.created_at, u.updated_at, u.version,
         COALESCE((SELECT string_agg(g.roles, ' ') FROM group_members m JOIN groups g ON g.id = m.group_id
                   WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id), '') AS group_roles"
    };
}
use user_columns;

impl FromRow for User {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            organisation: Name::stored(row.get("organisation")?),
            name: Name::stored(row.get("name")?),
            email: email(row, "email")?,
            email_verified_at: row.get("email_verified_at")?,
            user_name: row.get("user_name")?,
            entry: optional_json(row, "directory_entry")?,
            roles: json(row, "roles")?,
            group_roles: in_order(role_names(row, "group_roles")?),
            deactivated_at: row.get("deactivated_at")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            version: row.get("version")?,
        })
    }
}

/// Adds an account; false when its address or its name in the directory is another's.
pub(crate) async fn add_user(tx: &mut Tx, user: &User, password: &PasswordHash) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO users (id, tenant_id, name, email, email_verified_at, user_name, user_name_key, directory_entry,
                                password_hash, roles, deactivated_at, created_at, updated_at, version)
             VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
            params![
                user.id,
                user.name.as_str(),
                user.email.as_str(),
                user.email_verified_at,
                user.user_name.as_str(),
                user.user_name.to_lowercase(),
                entry_text(user.entry.as_ref()),
                password.0.as_str(),
                roles_text(&user.roles),
                user.deactivated_at,
                user.created_at,
                user.updated_at,
                user.version,
            ],
        )
        .await?;
    if added == 1 {
        index_user(tx, user).await?;
    }
    Ok(added == 1)
}

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registered {
    /// There is a new account.
    Created,
    /// An account that was never verified now is the newcomer's.
    Replaced(UserId),
    /// The address is somebody's.
    Taken,
}

/// Adds an account, or takes over the one of its address when that was never verified. One that a directory made or an
/// invitation waits for is nobody's to take over: its person has a link for it.
pub(crate) async fn register(tx: &mut Tx, user: &User, password: &PasswordHash) -> Result<Registered, StoreError> {
    tx.execute(
        "UPDATE users SET name = $2, password_hash = $3, updated_at = $4, version = version + 1
         WHERE tenant_id = :tenant AND email = $1 AND email_verified_at IS NULL AND directory_entry IS NULL",
        params![user.email.as_str(), user.name.as_str(), password.0.as_str(), user.updated_at],
    )
    .await?;
    if let Some(id) = unverified_user(tx, &user.email).await? {
        index_user(tx, &User { id, ..user.clone() }).await?;
        return Ok(Registered::Replaced(id));
    }
    Ok(if add_user(tx, user, password).await? { Registered::Created } else { Registered::Taken })
}

/// The account of an address that somebody registered and is yet to verify.
pub(crate) async fn unverified_user(tx: &mut Tx, email: &EmailAddress) -> Result<Option<UserId>, StoreError> {
    let found: Option<Scalar<UserId>> = tx
        .query_optional(
            "SELECT id FROM users
             WHERE tenant_id = :tenant AND email = $1 AND email_verified_at IS NULL AND directory_entry IS NULL",
            params![email.as_str()],
        )
        .await?;
    Ok(found.map(|Scalar(id)| id))
}

/// An account.
pub(crate) async fn user(query: &mut impl Query, id: UserId) -> Result<Option<User>, StoreError> {
    query
        .query_optional(
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM users u JOIN organisations o ON o.tenant_id = u.tenant_id
                 WHERE u.tenant_id = :tenant AND u.id = $1"
            ),
            params![id],
        )
        .await
}

/// The account of an address.
pub(crate) async fn user_of_address(query: &mut impl Query, email: &EmailAddress) -> Result<Option<User>, StoreError> {
    query
        .query_optional(
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM users u JOIN organisations o ON o.tenant_id = u.tenant_id
                 WHERE u.tenant_id = :tenant AND u.email = $1"
            ),
            params![email.as_str()],
        )
        .await
}

/// One page of an organisation's accounts, newest first.
pub(crate) async fn users(context: &Context, tenant: TenantId, page: &Page) -> Result<Vec<User>, StoreError> {
    context
        .store
        .read(tenant)
        .query(
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM users u JOIN organisations o ON o.tenant_id = u.tenant_id
                 WHERE u.tenant_id = :tenant AND (CAST($1 AS TEXT) IS NULL OR u.id < $1)
                 ORDER BY u.id DESC LIMIT $2"
            ),
            params![page.after.clone(), page.fetch()],
        )
        .await
}

/// Stores all of an account that may change but its password; false unless it still has the version before.
pub(crate) async fn update(tx: &mut Tx, user: &User) -> Result<bool, StoreError> {
    let updated = tx
        .execute(
            "UPDATE users SET name = $2, email = $3, email_verified_at = $4, user_name = $5, user_name_key = $6,
                    directory_entry = $7, roles = $8, deactivated_at = $9, updated_at = $10, version = $11
             WHERE tenant_id = :tenant AND id = $1 AND version = $12",
            params![
                user.id,
                user.name.as_str(),
                user.email.as_str(),
                user.email_verified_at,
                user.user_name.as_str(),
                user.user_name.to_lowercase(),
                entry_text(user.entry.as_ref()),
                roles_text(&user.roles),
                user.deactivated_at,
                user.updated_at,
                user.version,
                user.version - 1,
            ],
        )
        .await?;
    if updated == 1 {
        index_user(tx, user).await?;
    }
    Ok(updated == 1)
}

/// What a sign-in needs to know of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: User,
    pub(crate) password: PasswordHash,
}

impl FromRow for Credentials {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { user: User::from_row(row)?, password: PasswordHash(row.get("password_hash")?) })
    }
}

/// The credentials of an address. Across tenants: somebody who signs in names no organisation.
pub(crate) async fn credentials(context: &Context, email: &EmailAddress) -> Result<Option<Credentials>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional(
            concat!(
                "SELECT ",
                user_columns!(),
                ", u.password_hash FROM users u JOIN organisations o ON o.tenant_id = u.tenant_id WHERE u.email = $1"
            ),
            params![email.as_str()],
        )
        .await
}

/// The credentials of somebody who is signed in.
pub(crate) async fn own_credentials(context: &Context, who: &Principal) -> Result<Option<Credentials>, StoreError> {
    context
        .store
        .read(who.tenant)
        .query_optional(
            concat!(
                "SELECT ",
                user_columns!(),
                ", u.password_hash FROM users u JOIN organisations o ON o.tenant_id = u.tenant_id
                 WHERE u.tenant_id = :tenant AND u.id = $1"
            ),
            params![who.user],
        )
        .await
}

/// Changes a password; false unless it still is the one before.
pub(crate) async fn change_password(
    tx: &mut Tx,
    user: UserId,
    before: &PasswordHash,
    after: &PasswordHash,
) -> Result<bool, StoreError> {
    let changed = tx
        .execute(
            "UPDATE users SET password_hash = $3 WHERE tenant_id = :tenant AND id = $1 AND password_hash = $2",
            params![user, before.0.as_str(), after.0.as_str()],
        )
        .await?;
    Ok(changed == 1)
}

/// Sets a password, whatever it was before.
pub(crate) async fn set_password(tx: &mut Tx, user: UserId, password: &PasswordHash) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE users SET password_hash = $2 WHERE tenant_id = :tenant AND id = $1",
        params![user, password.0.as_str()],
    )
    .await
    .map(drop)
}

/// Gives an account a verification link in place of the one that it had.
pub(crate) async fn set_verification(
    tx: &mut Tx,
    user: UserId,
    hash: &TokenHash,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO email_verifications (user_id, tenant_id, token_hash, expires_at) VALUES ($1, :tenant, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at",
        params![user, hash.0.as_str(), expires_at],
    )
    .await
    .map(drop)
}

/// The organisation of a link. Across tenants: the token itself is all that its bearer shows, and it names its tenant.
pub(crate) async fn verification_tenant(context: &Context, hash: &TokenHash) -> Result<Option<TenantId>, StoreError> {
    let found: Option<Scalar<TenantId>> = context
        .store
        .read(Scope::System)
        .query_optional("SELECT tenant_id FROM email_verifications WHERE token_hash = $1", params![hash.0.as_str()])
        .await?;
    Ok(found.map(|Scalar(tenant)| tenant))
}

/// Uses a link up and says whose it was; `None` when it was used, replaced or has expired.
pub(crate) async fn spend_verification(
    tx: &mut Tx,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<UserId>, StoreError> {
    let found: Option<Scalar<UserId>> = tx
        .query_optional(
            "SELECT user_id FROM email_verifications WHERE tenant_id = :tenant AND token_hash = $1 AND expires_at > $2",
            params![hash.0.as_str(), now],
        )
        .await?;
    let spent = tx
        .execute(
            "DELETE FROM email_verifications WHERE tenant_id = :tenant AND token_hash = $1 AND expires_at > $2",
            params![hash.0.as_str(), now],
        )
        .await?;
    Ok(found.filter(|_| spent == 1).map(|Scalar(user)| user))
}

/// Marks an address as verified.
pub(crate) async fn mark_verified(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE users SET email_verified_at = $2, updated_at = $2, version = version + 1
         WHERE tenant_id = :tenant AND id = $1 AND email_verified_at IS NULL",
        params![user, now],
    )
    .await
    .map(drop)
}
