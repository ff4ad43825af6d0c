//! Queries about the tokens of sessions.

use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::token_mgr::Grant;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, TenantId, Timestamp, UserId, params};

use super::{from_json, json};
use crate::error::Error;
use crate::family::Family;
use crate::refresh_token::TokenHash;

/// Adds a family; false when the session has one.
pub(crate) async fn add_family(tx: &mut Tx, family: &Family, now: Timestamp) -> Result<bool, Error> {
    let added = tx
        .execute(
            "INSERT INTO families (session_id, tenant_id, user_id, roles, authenticated_at, methods, client_id, scope,
                                   confirmation, expires_at, last_used_at, revoked_at)
             VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (session_id) DO NOTHING",
            params![
                family.session,
                family.user,
                json(&family.roles, "roles")?,
                family.authenticated_at,
                json(&family.methods, "methods")?,
                family.grant.as_ref().map(|grant| grant.client_id.clone()),
                family.grant.as_ref().map(|grant| grant.scope.clone()).unwrap_or_default(),
                family.grant.as_ref().and_then(|grant| grant.confirmation.clone()),
                family.expires_at,
                now,
                family.revoked_at,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// Ends a family; false when it had ended.
pub(crate) async fn revoke_family(tx: &mut Tx, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
    let ended = tx
        .execute(
            "UPDATE families SET revoked_at = $2
             WHERE tenant_id = :tenant AND session_id = $1 AND revoked_at IS NULL",
            params![session, now],
        )
        .await?;
    Ok(ended == 1)
}

/// Puts down when and how the family's person last proved who they are.
pub(crate) async fn set_authentication(tx: &mut Tx, family: &Family) -> Result<(), Error> {
    tx.execute(
        "UPDATE families SET authenticated_at = $2, methods = $3 WHERE tenant_id = :tenant AND session_id = $1",
        params![family.session, family.authenticated_at, json(&family.methods, "methods")?],
    )
    .await?;
    Ok(())
}

struct FamilyRow {
    family: Family,
    roles: String,
    methods: String,
}

impl FromRow for FamilyRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let client_id: Option<String> = row.get("client_id")?;
        let (scope, confirmation) = (row.get("scope")?, row.get("confirmation")?);
        let family = Family {
            session: row.get("session_id")?,
            tenant: row.get("tenant_id")?,
            user: row.get("user_id")?,
            roles: Vec::new(),
            authenticated_at: row.get("authenticated_at")?,
            methods: Vec::new(),
            grant: client_id.map(|client_id| Grant { client_id, scope, confirmation }),
            expires_at: row.get("expires_at")?,
            last_used_at: row.get("last_used_at")?,
            revoked_at: row.get("revoked_at")?,
        };
        Ok(Self { family, roles: row.get("roles")?, methods: row.get("methods")? })
    }
}

impl FamilyRow {
    fn family(self) -> Result<Family, Error> {
        let (roles, methods) = (from_json(&self.roles, "roles")?, from_json(&self.methods, "methods")?);
        Ok(Family { roles, methods, ..self.family })
    }
}

/// A family.
pub(crate) async fn family(query: &mut impl Query, session: SessionId) -> Result<Option<Family>, Error> {
    let row: Option<FamilyRow> = query
        .query_optional(
            "SELECT session_id, tenant_id, user_id, roles, authenticated_at, methods, client_id, scope, confirmation,
                    expires_at, last_used_at, revoked_at
             FROM families WHERE tenant_id = :tenant AND session_id = $1",
            params![session],
        )
        .await?;
    row.map(FamilyRow::family).transpose()
}

/// Marks a family as used, and reads it as it was before. The mark also makes two refreshes of one family wait for each other
/// on PostgreSQL.
pub(crate) async fn use_family(tx: &mut Tx, session: SessionId, now: Timestamp) -> Result<Option<Family>, Error> {
    tx.execute(
        "UPDATE families SET previously_used_at = last_used_at, last_used_at = $2
         WHERE tenant_id = :tenant AND session_id = $1",
        params![session, now],
    )
    .await?;
    let row: Option<FamilyRow> = tx
        .query_optional(
            "SELECT session_id, tenant_id, user_id, roles, authenticated_at, methods, client_id, scope, confirmation,
                    expires_at, previously_used_at AS last_used_at, revoked_at
             FROM families WHERE tenant_id = :tenant AND session_id = $1",
            params![session],
        )
        .await?;
    row.map(FamilyRow::family).transpose()
}

/// Some of the families of all tenants that were last used at that moment or before, and go on.
pub(crate) async fn idle_families(
    context: &Context,
    unused_since: Timestamp,
    now: Timestamp,
) -> Result<Vec<FamilyRef>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT tenant_id, session_id FROM families
             WHERE last_used_at <= $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY last_used_at LIMIT 100",
            params![unused_since, now],
        )
        .await
}

/// Which family it is, and whose.
pub(crate) struct FamilyRef {
    pub(crate) tenant: TenantId,
    pub(crate) session: SessionId,
}

impl FromRow for FamilyRef {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { tenant: row.get("tenant_id")?, session: row.get("session_id")? })
    }
}

/// The family of a token. Across tenants: the token itself is all that its bearer shows, and it names its tenant.
pub(crate) async fn owner(context: &Context, hash: &TokenHash) -> Result<Option<FamilyRef>, StoreError> {
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
pub(crate) async fn spent_at(query: &mut impl Query, hash: &TokenHash) -> Result<Option<Timestamp>, StoreError> {
    let Spent(at) = query
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

/// A person's families that go on, of sign-ins that looked at the account before that moment.
pub(crate) async fn families_before(tx: &mut Tx, user: UserId, moment: Timestamp) -> Result<Vec<Family>, Error> {
    // The mark makes whoever uses one of them at this moment wait on PostgreSQL.
    tx.execute(
        "UPDATE families SET previously_used_at = last_used_at
         WHERE tenant_id = :tenant AND user_id = $1 AND revoked_at IS NULL
           AND (authenticated_at IS NULL OR authenticated_at < $2)",
        params![user, moment],
    )
    .await?;
    let rows: Vec<FamilyRow> = tx
        .query(
            "SELECT session_id, tenant_id, user_id, roles, authenticated_at, methods, client_id, scope, confirmation,
                    expires_at, last_used_at, revoked_at
             FROM families WHERE tenant_id = :tenant AND user_id = $1 AND revoked_at IS NULL
               AND (authenticated_at IS NULL OR authenticated_at < $2)",
            params![user, moment],
        )
        .await?;
    rows.into_iter().map(FamilyRow::family).collect()
}
