//! Every query of this service.

use nexus_contracts::session_mgr::SessionId;
use nexus_kernel::auth::Role;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, TenantId, Timestamp, params};

use crate::error::Error;
use crate::family::Family;
use crate::keys::SigningKey;
use crate::refresh_token::TokenHash;

impl FromRow for SigningKey {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kid: row.get("kid")?,
            generation: row.get("generation")?,
            seed: row.get("seed")?,
            active_from: row.get("active_from")?,
        })
    }
}

/// All keys, in the order of their generations.
pub(crate) async fn signing_keys(context: &Context) -> Result<Vec<SigningKey>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query("SELECT kid, generation, seed, active_from FROM signing_keys ORDER BY generation", params![])
        .await
}

/// Adds a key, unless another process has made the same generation meanwhile.
pub(crate) async fn add_signing_key(context: &Context, key: &SigningKey) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute(
        "INSERT INTO signing_keys (kid, generation, seed, active_from) VALUES ($1, $2, $3, $4)
         ON CONFLICT (generation) DO NOTHING",
        params![key.kid.as_str(), key.generation, key.seed.clone(), key.active_from],
    )
    .await?;
    tx.commit().await
}

/// Forgets the keys of earlier generations.
pub(crate) async fn forget_signing_keys_before(context: &Context, generation: i64) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("DELETE FROM signing_keys WHERE generation < $1", params![generation]).await?;
    tx.commit().await
}

/// Adds a family; false when the session has one.
pub(crate) async fn add_family(tx: &mut Tx, family: &Family, now: Timestamp) -> Result<bool, Error> {
    let roles = serde_json::to_string(&family.roles).map_err(|_| Error::Corrupt("roles"))?;
    let added = tx
        .execute(
            "INSERT INTO families (session_id, tenant_id, user_id, roles, expires_at, last_used_at, revoked_at)
             VALUES ($1, :tenant, $2, $3, $4, $5, $6) ON CONFLICT (session_id) DO NOTHING",
            params![family.session, family.user, roles, family.expires_at, now, family.revoked_at],
        )
        .await?;
    Ok(added == 1)
}

/// Ends a family; one that has ended stays as it is.
pub(crate) async fn revoke_family(tx: &mut Tx, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE families SET revoked_at = $2 WHERE tenant_id = :tenant AND session_id = $1 AND revoked_at IS NULL",
        params![session, now],
    )
    .await
    .map(drop)
}

struct FamilyRow {
    family: Family,
    roles: String,
}

impl FromRow for FamilyRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let family = Family {
            session: row.get("session_id")?,
            tenant: row.get("tenant_id")?,
            user: row.get("user_id")?,
            roles: Vec::new(),
            expires_at: row.get("expires_at")?,
            revoked_at: row.get("revoked_at")?,
        };
        Ok(Self { family, roles: row.get("roles")? })
    }
}

/// Marks a family as used and reads it. The mark also makes two refreshes of one family wait for each other on PostgreSQL.
pub(crate) async fn use_family(tx: &mut Tx, session: SessionId, now: Timestamp) -> Result<Option<Family>, Error> {
    tx.execute(
        "UPDATE families SET last_used_at = $2 WHERE tenant_id = :tenant AND session_id = $1",
        params![session, now],
    )
    .await?;
    let row: Option<FamilyRow> = tx
        .query_optional(
            "SELECT session_id, tenant_id, user_id, roles, expires_at, revoked_at
             FROM families WHERE tenant_id = :tenant AND session_id = $1",
            params![session],
        )
        .await?;
    row.map(|FamilyRow { family, roles }| {
        let roles: Vec<Role> = serde_json::from_str(&roles).map_err(|_| Error::Corrupt("roles"))?;
        Ok(Family { roles, ..family })
    })
    .transpose()
}

/// Which family a refresh token belongs to.
pub(crate) struct TokenOwner {
    pub(crate) tenant: TenantId,
    pub(crate) session: SessionId,
}

impl FromRow for TokenOwner {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { tenant: row.get("tenant_id")?, session: row.get("session_id")? })
    }
}

/// The family of a token. Across tenants: the token itself is all that its bearer shows, and it names its tenant.
pub(crate) async fn owner(context: &Context, hash: &TokenHash) -> Result<Option<TokenOwner>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT tenant_id, session_id FROM refresh_tokens WHERE token_hash = $1",
            params![hash.0.as_str()],
        )
        .await
}

struct Spent(Option<Timestamp>);

impl FromRow for Spent {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.get("spent_at").map(Self)
    }
}

/// When a token was spent, if it was.
pub(crate) async fn spent_at(tx: &mut Tx, hash: &TokenHash) -> Result<Option<Timestamp>, StoreError> {
    let Spent(at) = tx
        .query_one(
            "SELECT spent_at FROM refresh_tokens WHERE tenant_id = :tenant AND token_hash = $1",
            params![hash.0.as_str()],
        )
        .await?;
    Ok(at)
}

/// Adds a refresh token.
pub(crate) async fn add_token(
    tx: &mut Tx,
    session: SessionId,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO refresh_tokens (token_hash, tenant_id, session_id, issued_at) VALUES ($1, :tenant, $2, $3)",
        params![hash.0.as_str(), session, now],
    )
    .await
    .map(drop)
}

/// Marks a token as spent.
pub(crate) async fn spend(tx: &mut Tx, hash: &TokenHash, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE refresh_tokens SET spent_at = $2 WHERE tenant_id = :tenant AND token_hash = $1",
        params![hash.0.as_str(), now],
    )
    .await
    .map(drop)
}

/// Forgets the families that have expired, and their tokens.
pub(crate) async fn forget_expired(context: &Context, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute(
        "DELETE FROM refresh_tokens WHERE session_id IN (SELECT session_id FROM families WHERE expires_at <= $1)",
        params![now],
    )
    .await?;
    tx.execute("DELETE FROM families WHERE expires_at <= $1", params![now]).await?;
    tx.commit().await
}
