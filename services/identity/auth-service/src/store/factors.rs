//! Authenticators, recovery codes, and sign-ins between their steps.

use nexus_contracts::user_auth::AccountRef;
use nexus_kernel::seal::Sealed;
use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Context, Timestamp, UserId, params};

use super::{json, json_text};
use crate::attempt::Subject;
use crate::challenge::{Challenge, Proven, TRIES};
use crate::factors::Authenticator;
use crate::recovery_code::RecoveryHash;
use crate::token::TokenHash;

impl FromRow for Authenticator {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            secret: row.get("secret")?,
            created_at: row.get("created_at")?,
            confirmed_at: row.get("confirmed_at")?,
        })
    }
}

/// A person's authenticator.
pub(crate) async fn authenticator(query: &mut impl Query, user: UserId) -> Result<Option<Authenticator>, StoreError> {
    query
        .query_optional(
            "SELECT secret, created_at, confirmed_at FROM authenticators WHERE tenant_id = :tenant AND user_id = $1",
            params![user],
        )
        .await
}

/// Adds an authenticator to be confirmed, in place of one that was not; false when there is one that was.
pub(crate) async fn add_authenticator(
    tx: &mut Tx,
    user: UserId,
    authenticator: &Authenticator,
) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO authenticators (user_id, tenant_id, secret, created_at, confirmed_at, last_step)
             VALUES ($1, :tenant, $2, $3, $4, -1)
             ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at
             WHERE authenticators.confirmed_at IS NULL",
            params![user, authenticator.secret.clone(), authenticator.created_at, authenticator.confirmed_at],
        )
        .await?;
    Ok(added == 1)
}

/// Confirms an authenticator by a code of this step; false unless it is the one whose code that was, and not confirmed yet.
pub(crate) async fn confirm_authenticator(
    tx: &mut Tx,
    user: UserId,
    secret: &Sealed,
    step: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let confirmed = tx
        .execute(
            "UPDATE authenticators SET confirmed_at = $4, last_step = $3
             WHERE tenant_id = :tenant AND user_id = $1 AND secret = $2 AND confirmed_at IS NULL",
            params![user, secret.clone(), step, now],
        )
        .await?;
    Ok(confirmed == 1)
}

/// Takes an authenticator and the recovery codes away; false when there is none.
pub(crate) async fn remove_authenticator(tx: &mut Tx, user: UserId) -> Result<bool, StoreError> {
    let removed =
        tx.execute("DELETE FROM authenticators WHERE tenant_id = :tenant AND user_id = $1", params![user]).await?;
    forget_recovery_codes(tx, user).await?;
    Ok(removed == 1)
}

/// Whether there is a confirmed authenticator. On PostgreSQL this also makes two who renew the recovery codes at the same moment
/// wait for each other.
pub(crate) async fn lock_authenticator(tx: &mut Tx, user: UserId) -> Result<bool, StoreError> {
    let locked = tx
        .execute(
            "UPDATE authenticators SET last_step = last_step
             WHERE tenant_id = :tenant AND user_id = $1 AND confirmed_at IS NOT NULL",
            params![user],
        )
        .await?;
    Ok(locked == 1)
}

/// Spends the code of a step, and with it those before; false when a code of it or of a later one was spent.
pub(crate) async fn spend_step(tx: &mut Tx, user: UserId, step: i64) -> Result<bool, StoreError> {
    let spent = tx
        .execute(
            "UPDATE authenticators SET last_step = $2
             WHERE tenant_id = :tenant AND user_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2",
            params![user, step],
        )
        .await?;
    Ok(spent == 1)
}

/// Adds a recovery code.
pub(crate) async fn add_recovery_code(tx: &mut Tx, user: UserId, code: &RecoveryHash) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO recovery_codes (user_id, code_hash, tenant_id) VALUES ($1, $2, :tenant)",
        params![user, code.0.as_str()],
    )
    .await
    .map(drop)
}

/// Spends a recovery code; false when it is none or was spent.
pub(crate) async fn spend_recovery_code(tx: &mut Tx, user: UserId, code: &RecoveryHash) -> Result<bool, StoreError> {
    let spent = tx
        .execute(
            "DELETE FROM recovery_codes WHERE tenant_id = :tenant AND user_id = $1 AND code_hash = $2",
            params![user, code.0.as_str()],
        )
        .await?;
    Ok(spent == 1)
}

/// How many recovery codes somebody has left.
pub(crate) async fn recovery_codes_left(query: &mut impl Query, user: UserId) -> Result<u32, StoreError> {
    let Scalar(left) = query
        .query_one(
            "SELECT COUNT(*) AS codes FROM recovery_codes WHERE tenant_id = :tenant AND user_id = $1",
            params![user],
        )
        .await?;
    Ok(left)
}

/// Forgets all of somebody's recovery codes.
pub(crate) async fn forget_recovery_codes(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM recovery_codes WHERE tenant_id = :tenant AND user_id = $1", params![user]).await.map(drop)
}

impl FromRow for Challenge {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            hash: TokenHash(row.get("token_hash")?),
            proven: Proven {
                who: AccountRef { user: row.get("user_id")?, tenant: row.get("tenant_id")? },
                account: Subject(row.get("account")?),
                roles: json(row, "roles")?,
                checked_at: row.get("checked_at")?,
                method: json(row, "method")?,
            },
            expires_at: row.get("expires_at")?,
        })
    }
}

/// Adds a sign-in between its steps.
pub(crate) async fn add_challenge(context: &Context, challenge: &Challenge) -> Result<(), StoreError> {
    let proven = &challenge.proven;
    let mut tx = context.store.begin(proven.who.tenant).await?;
    tx.execute(
        "INSERT INTO challenges
             (token_hash, tenant_id, user_id, account, roles, checked_at, method, tries_left, expires_at)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8)",
        params![
            challenge.hash.0.as_str(),
            proven.who.user,
            proven.account.0.as_str(),
            json_text(&proven.roles),
            proven.checked_at,
            json_text(&proven.method),
            TRIES,
            challenge.expires_at,
        ],
    )
    .await?;
    tx.commit().await
}

/// A sign-in between its steps. Across tenants: its token is all that its bearer shows, and it names its tenant.
pub(crate) async fn challenge(context: &Context, hash: &TokenHash) -> Result<Option<Challenge>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT token_hash, tenant_id, user_id, account, roles, checked_at, method, expires_at
             FROM challenges WHERE token_hash = $1",
            params![hash.0.as_str()],
        )
        .await
}

/// Takes one of a challenge's tries; false when none is left, or it is too late.
pub(crate) async fn take_try(tx: &mut Tx, hash: &TokenHash, now: Timestamp) -> Result<bool, StoreError> {
    let taken = tx
        .execute(
            "UPDATE challenges SET tries_left = tries_left - 1
             WHERE tenant_id = :tenant AND token_hash = $1 AND tries_left > 0 AND expires_at > $2",
            params![hash.0.as_str(), now],
        )
        .await?;
    Ok(taken == 1)
}

/// Uses a challenge up; false when somebody else has.
pub(crate) async fn spend_challenge(tx: &mut Tx, hash: &TokenHash) -> Result<bool, StoreError> {
    let spent = tx
        .execute("DELETE FROM challenges WHERE tenant_id = :tenant AND token_hash = $1", params![hash.0.as_str()])
        .await?;
    Ok(spent == 1)
}

/// Forgets somebody's sign-ins between their steps.
pub(crate) async fn forget_challenges(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM challenges WHERE tenant_id = :tenant AND user_id = $1", params![user]).await.map(drop)
}
