//! Every query of this service.

use nexus_contracts::session_mgr::{RevocationReason, SessionId};
use nexus_contracts::token_mgr::AccountState;
use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, TenantId, Timestamp, UserId, params};

use crate::account_change::AccountChange;
use crate::family_revocation::FamilyRevocation;
use crate::session::Session;

impl FromRow for Session {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let methods: String = row.get("methods")?;
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            user: row.get("user_id")?,
            device: row.get("device")?,
            name: row.get("name")?,
            address: row.get("address")?,
            // What can't be read was written by a later version, that knows more ways to sign in.
            methods: serde_json::from_str(&methods).unwrap_or_default(),
            client: row.get("client")?,
            created_at: row.get("created_at")?,
            last_seen_at: row.get("last_seen_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// Adds a session.
pub(crate) async fn add(tx: &mut Tx, session: &Session) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO sessions (id, tenant_id, user_id, device, address, methods, client, created_at, last_seen_at,
                               expires_at)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            session.id,
            session.user,
            session.device.as_str(),
            session.address.as_str(),
            serde_json::to_string(&session.methods).unwrap_or_default(),
            session.client.clone(),
            session.created_at,
            session.last_seen_at,
            session.expires_at,
        ],
    )
    .await
    .map(drop)
}

/// A session, while it lasts.
pub(crate) async fn live_session(
    query: &mut impl Query,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    query
        .query_optional(
            "SELECT id, tenant_id, user_id, device, name, address, methods, client, created_at, last_seen_at, expires_at
             FROM sessions
             WHERE tenant_id = :tenant AND id = $1 AND revoked_at IS NULL AND expires_at > $2",
            params![id, now],
        )
        .await
}

/// All sessions of a person, while they last, the one that was used least lately first.
pub(crate) async fn live_sessions(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    tx.query(
        "SELECT id, tenant_id, user_id, device, name, address, methods, client, created_at, last_seen_at, expires_at
         FROM sessions WHERE tenant_id = :tenant AND user_id = $1 AND revoked_at IS NULL AND expires_at > $2
         ORDER BY last_seen_at",
        params![user, now],
    )
    .await
}

/// One page of a person's sessions, newest first.
pub(crate) async fn page(
    context: &Context,
    tenant: TenantId,
    user: UserId,
    page: &Page,
) -> Result<Vec<Session>, StoreError> {
    context
        .store
        .read(tenant)
        .query(
            "SELECT id, tenant_id, user_id, device, name, address, methods, client, created_at, last_seen_at, expires_at
             FROM sessions
             WHERE tenant_id = :tenant AND user_id = $1 AND revoked_at IS NULL AND expires_at > $2
               AND (CAST($3 AS TEXT) IS NULL OR id < $3)
             ORDER BY id DESC LIMIT $4",
            params![user, context.clock.now(), page.after.clone(), page.fetch()],
        )
        .await
}

/// Gives a session's device a name of the person's own, or takes it away.
pub(crate) async fn rename(tx: &mut Tx, id: SessionId, name: Option<&str>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE sessions SET name = $2 WHERE tenant_id = :tenant AND id = $1",
        params![id, name.map(str::to_owned)],
    )
    .await
    .map(drop)
}

/// Ends a session; false when it had ended.
pub(crate) async fn revoke(
    tx: &mut Tx,
    id: SessionId,
    reason: RevocationReason,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let revoked = tx
        .execute(
            "UPDATE sessions SET revoked_at = $2, revocation_reason = $3
             WHERE tenant_id = :tenant AND id = $1 AND revoked_at IS NULL",
            params![id, now, reason.as_str()],
        )
        .await?;
    Ok(revoked == 1)
}

/// Marks a session as in use at that moment.
pub(crate) async fn touch(tx: &mut Tx, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE sessions SET last_seen_at = $2 WHERE tenant_id = :tenant AND id = $1 AND last_seen_at < $2",
        params![id, at],
    )
    .await
    .map(drop)
}

struct Floor(Timestamp);

impl FromRow for Floor {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.get("authenticated_before").map(Self)
    }
}

/// The moment before which a look at the account counts for nothing, raised to at least `to`. On PostgreSQL this also makes
/// the start of a session and the end of all of a person's sessions wait for each other, so that none slips through.
pub(crate) async fn raise_floor(tx: &mut Tx, user: UserId, to: Timestamp) -> Result<Timestamp, StoreError> {
    tx.execute(
        "INSERT INTO authentication_floors (user_id, tenant_id, authenticated_before) VALUES ($1, :tenant, $2)
         ON CONFLICT (user_id) DO UPDATE SET authenticated_before = CASE
             WHEN excluded.authenticated_before > authentication_floors.authenticated_before
             THEN excluded.authenticated_before ELSE authentication_floors.authenticated_before END",
        params![user, to],
    )
    .await?;
    let Floor(floor) = tx
        .query_one(
            "SELECT authenticated_before FROM authentication_floors WHERE tenant_id = :tenant AND user_id = $1",
            params![user],
        )
        .await?;
    Ok(floor)
}

/// Puts down that token-mgr has to end a session's family.
pub(crate) async fn add_family_revocation(tx: &mut Tx, session: &Session, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO family_revocations (session_id, tenant_id, user_id, expires_at, attempts, next_attempt_at)
         VALUES ($1, :tenant, $2, $3, 0, $4)",
        params![session.id, session.user, session.expires_at, now],
    )
    .await
    .map(drop)
}

impl FromRow for FamilyRevocation {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            session: row.get("session_id")?,
            tenant: row.get("tenant_id")?,
            user: row.get("user_id")?,
            expires_at: row.get("expires_at")?,
            attempts: row.get("attempts")?,
        })
    }
}

/// The families that token-mgr has to be told about now, of all tenants.
pub(crate) async fn due_family_revocations(context: &Context, limit: i64) -> Result<Vec<FamilyRevocation>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT session_id, tenant_id, user_id, expires_at, attempts FROM family_revocations
             WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2",
            params![context.clock.now(), limit],
        )
        .await
}

/// token-mgr has ended the family.
pub(crate) async fn family_revoked(context: &Context, done: &FamilyRevocation) -> Result<(), StoreError> {
    let mut tx = context.store.begin(done.tenant).await?;
    tx.execute("DELETE FROM family_revocations WHERE tenant_id = :tenant AND session_id = $1", params![done.session])
        .await?;
    tx.commit().await
}

/// token-mgr could not be told; it will be at that moment.
pub(crate) async fn postpone_family_revocation(
    context: &Context,
    failed: &FamilyRevocation,
    next_attempt_at: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(failed.tenant).await?;
    tx.execute(
        "UPDATE family_revocations SET attempts = attempts + 1, next_attempt_at = $2
         WHERE tenant_id = :tenant AND session_id = $1",
        params![failed.session, next_attempt_at],
    )
    .await?;
    tx.commit().await
}

/// Puts down that token-mgr has to be told of a changed account.
pub(crate) async fn add_account_change(tx: &mut Tx, change: &AccountChange) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO account_changes (id, tenant_id, user_id, roles, state, changed_at, attempts, next_attempt_at)
         VALUES ($1, :tenant, $2, $3, $4, $5, 0, 0)",
        params![
            change.id,
            change.user,
            serde_json::to_string(&change.roles).unwrap_or_default(),
            match change.state {
                AccountState::Active => "active",
                AccountState::Deactivated => "deactivated",
            },
            change.changed_at,
        ],
    )
    .await
    .map(drop)
}

impl FromRow for AccountChange {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let (roles, state): (String, String) = (row.get("roles")?, row.get("state")?);
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            user: row.get("user_id")?,
            // What can't be read allows nothing.
            roles: serde_json::from_str(&roles).unwrap_or_default(),
            state: if state == "active" { AccountState::Active } else { AccountState::Deactivated },
            changed_at: row.get("changed_at")?,
            attempts: row.get("attempts")?,
        })
    }
}

/// The changes that token-mgr has to be told now, of all tenants, in the order in which they happened.
pub(crate) async fn due_account_changes(context: &Context, limit: i64) -> Result<Vec<AccountChange>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT id, tenant_id, user_id, roles, state, changed_at, attempts FROM account_changes
             WHERE next_attempt_at <= $1 ORDER BY id LIMIT $2",
            params![context.clock.now(), limit],
        )
        .await
}

/// token-mgr has been told.
pub(crate) async fn account_change_told(context: &Context, told: &AccountChange) -> Result<(), StoreError> {
    let mut tx = context.store.begin(told.tenant).await?;
    tx.execute("DELETE FROM account_changes WHERE tenant_id = :tenant AND id = $1", params![told.id]).await?;
    tx.commit().await
}

/// token-mgr could not be told; it will be at that moment.
pub(crate) async fn postpone_account_change(
    context: &Context,
    failed: &AccountChange,
    next_attempt_at: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(failed.tenant).await?;
    tx.execute(
        "UPDATE account_changes SET attempts = attempts + 1, next_attempt_at = $2
         WHERE tenant_id = :tenant AND id = $1",
        params![failed.id, next_attempt_at],
    )
    .await?;
    tx.commit().await
}

/// Forgets what has ended by itself: sessions, and orders to end families that have expired as well.
pub(crate) async fn forget_expired(context: &Context) -> Result<(), StoreError> {
    let now = context.clock.now();
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("DELETE FROM family_revocations WHERE expires_at <= $1", params![now]).await?;
    tx.execute("DELETE FROM sessions WHERE expires_at <= $1", params![now]).await?;
    tx.commit().await
}
