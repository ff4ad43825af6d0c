//! Every query of this service: accounts here, what jobs have to do in `work`.

mod work;

use nexus_contracts::user_auth::EmailAddress;
use nexus_kernel::auth::Role;
use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Context, Principal, TenantId, Timestamp, UserId, params};
use serde::de::DeserializeOwned;

pub(crate) use self::work::*;
use crate::name::Name;
use crate::password::PasswordHash;
use crate::user::{Owners, User};
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

fn roles_text(roles: &[Role]) -> String {
    let names: Vec<String> = roles.iter().map(|role| format!("\"{role}\"")).collect();
    format!("[{}]", names.join(","))
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Organisation {
    pub(crate) tenant: TenantId,
    pub(crate) name: Name,
}

impl FromRow for Organisation {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { tenant: row.get("tenant_id")?, name: Name::stored(row.get("name")?) })
    }
}

/// The organisation that set-up made and that newcomers join. Across tenants: whoever asks is of none yet.
pub(crate) async fn first_organisation(context: &Context) -> Result<Option<Organisation>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional("SELECT tenant_id, name FROM organisations WHERE made_at_setup = 1", params![])
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

impl FromRow for User {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            organisation: Name::stored(row.get("organisation")?),
            name: Name::stored(row.get("name")?),
            email: email(row, "email")?,
            email_verified_at: row.get("email_verified_at")?,
            roles: json(row, "roles")?,
            created_at: row.get("created_at")?,
            version: row.get("version")?,
        })
    }
}

/// Adds an account; false when its address has one.
pub(crate) async fn add_user(tx: &mut Tx, user: &User, password: &PasswordHash) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO users (id, tenant_id, name, email, email_verified_at, password_hash, roles, created_at, version)
             VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (email) DO NOTHING",
            params![
                user.id,
                user.name.as_str(),
                user.email.as_str(),
                user.email_verified_at,
                password.0.as_str(),
                roles_text(&user.roles),
                user.created_at,
                user.version,
            ],
        )
        .await?;
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

/// Adds an account, or takes over the one of its address when that was never verified.
pub(crate) async fn register(tx: &mut Tx, user: &User, password: &PasswordHash) -> Result<Registered, StoreError> {
    tx.execute(
        "UPDATE users SET name = $2, password_hash = $3, version = version + 1
         WHERE tenant_id = :tenant AND email = $1 AND email_verified_at IS NULL",
        params![user.email.as_str(), user.name.as_str(), password.0.as_str()],
    )
    .await?;
    if let Some(id) = unverified_user(tx, &user.email).await? {
        return Ok(Registered::Replaced(id));
    }
    Ok(if add_user(tx, user, password).await? { Registered::Created } else { Registered::Taken })
}

/// The account of an address that is yet to be verified.
pub(crate) async fn unverified_user(tx: &mut Tx, email: &EmailAddress) -> Result<Option<UserId>, StoreError> {
    let found: Option<Scalar<UserId>> = tx
        .query_optional(
            "SELECT id FROM users WHERE tenant_id = :tenant AND email = $1 AND email_verified_at IS NULL",
            params![email.as_str()],
        )
        .await?;
    Ok(found.map(|Scalar(id)| id))
}

/// An account.
pub(crate) async fn user(query: &mut impl Query, id: UserId) -> Result<Option<User>, StoreError> {
    query
        .query_optional(
            "SELECT u.id, u.tenant_id, o.name AS organisation, u.name, u.email, u.email_verified_at, u.roles, u.created_at,
                    u.version
             FROM users u JOIN organisations o ON o.tenant_id = u.tenant_id
             WHERE u.tenant_id = :tenant AND u.id = $1",
            params![id],
        )
        .await
}

/// One page of an organisation's accounts, newest first.
pub(crate) async fn users(context: &Context, tenant: TenantId, page: &Page) -> Result<Vec<User>, StoreError> {
    context
        .store
        .read(tenant)
        .query(
            "SELECT u.id, u.tenant_id, o.name AS organisation, u.name, u.email, u.email_verified_at, u.roles, u.created_at,
                    u.version
             FROM users u JOIN organisations o ON o.tenant_id = u.tenant_id
             WHERE u.tenant_id = :tenant AND (CAST($1 AS TEXT) IS NULL OR u.id < $1)
             ORDER BY u.id DESC LIMIT $2",
            params![page.after.clone(), page.fetch()],
        )
        .await
}

/// Stores an account's name and roles; false unless it still has the version before.
pub(crate) async fn update(tx: &mut Tx, user: &User) -> Result<bool, StoreError> {
    let updated = tx
        .execute(
            "UPDATE users SET name = $2, roles = $3, version = $4
             WHERE tenant_id = :tenant AND id = $1 AND version = $5",
            params![user.id, user.name.as_str(), roles_text(&user.roles), user.version, user.version - 1],
        )
        .await?;
    Ok(updated == 1)
}

/// What a sign-in needs to know of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: UserId,
    pub(crate) tenant: TenantId,
    pub(crate) email: EmailAddress,
    pub(crate) verified: bool,
    pub(crate) roles: Vec<Role>,
    pub(crate) password: PasswordHash,
}

impl FromRow for Credentials {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            user: row.get("id")?,
            tenant: row.get("tenant_id")?,
            email: email(row, "email")?,
            verified: row.get::<Option<Timestamp>>("email_verified_at")?.is_some(),
            roles: json(row, "roles")?,
            password: PasswordHash(row.get("password_hash")?),
        })
    }
}

/// The credentials of an address. Across tenants: somebody who signs in names no organisation.
pub(crate) async fn credentials(context: &Context, email: &EmailAddress) -> Result<Option<Credentials>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT id, tenant_id, email, email_verified_at, roles, password_hash FROM users WHERE email = $1",
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
            "SELECT id, tenant_id, email, email_verified_at, roles, password_hash FROM users
             WHERE tenant_id = :tenant AND id = $1",
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
        "UPDATE users SET email_verified_at = $2, version = version + 1
         WHERE tenant_id = :tenant AND id = $1 AND email_verified_at IS NULL",
        params![user, now],
    )
    .await
    .map(drop)
}
