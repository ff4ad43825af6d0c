//! Authorization codes.

use nexus_contracts::session_mgr::SessionId;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, Timestamp, params};
use uuid::Uuid;

use super::{json, to_json};
use crate::code::{Code, CodeHash};

impl FromRow for Code {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            hash: CodeHash(row.get("code_hash")?),
            tenant: row.get("tenant_id")?,
            application: row.get("application_id")?,
            asked: json(row, "asked")?,
            approval: json(row, "approval")?,
            expires_at: row.get("expires_at")?,
            spent_at: row.get("spent_at")?,
            revoked_at: row.get("revoked_at")?,
            grant_session: row.get("grant_session")?,
        })
    }
}

/// Adds a code.
pub(crate) async fn add(tx: &mut Tx, code: &Code) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO codes (code_hash, tenant_id, application_id, asked, approval, person_session, expires_at)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6)",
        params![
            code.hash.0.as_str(),
            code.application,
            to_json(&code.asked),
            to_json(&code.approval),
            code.approval.session,
            code.expires_at,
        ],
    )
    .await
    .map(drop)
}

/// A code, whatever became of it. Across tenants: the code is all that its bearer shows, and it names its tenant.
pub(crate) async fn find(context: &Context, hash: &CodeHash) -> Result<Option<Code>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT code_hash, tenant_id, application_id, asked, approval, expires_at, spent_at, revoked_at, grant_session
             FROM codes WHERE code_hash = $1",
            params![hash.0.as_str()],
        )
        .await
}

/// Uses a code up; false when it was used or revoked.
pub(crate) async fn spend(tx: &mut Tx, hash: &CodeHash, now: Timestamp) -> Result<bool, StoreError> {
    let spent = tx
        .execute(
            "UPDATE codes SET spent_at = $2
             WHERE tenant_id = :tenant AND code_hash = $1 AND spent_at IS NULL AND revoked_at IS NULL",
            params![hash.0.as_str(), now],
        )
        .await?;
    Ok(spent == 1)
}

/// Says which session a code became; false when the code was revoked meanwhile.
pub(crate) async fn link(tx: &mut Tx, hash: &CodeHash, session: SessionId) -> Result<bool, StoreError> {
    let linked = tx
        .execute(
            "UPDATE codes SET grant_session = $2 WHERE tenant_id = :tenant AND code_hash = $1 AND revoked_at IS NULL",
            params![hash.0.as_str(), session],
        )
        .await?;
    Ok(linked == 1)
}

struct Became(Option<SessionId>);

impl FromRow for Became {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.get("grant_session").map(Self)
    }
}

/// Revokes a code, for good; the session that it became, if it has one already.
pub(crate) async fn revoke(tx: &mut Tx, hash: &CodeHash, now: Timestamp) -> Result<Option<SessionId>, StoreError> {
    tx.execute(
        "UPDATE codes SET revoked_at = $2 WHERE tenant_id = :tenant AND code_hash = $1 AND revoked_at IS NULL",
        params![hash.0.as_str(), now],
    )
    .await?;
    let Became(session) = tx
        .query_one(
            "SELECT grant_session FROM codes WHERE tenant_id = :tenant AND code_hash = $1",
            params![hash.0.as_str()],
        )
        .await?;
    Ok(session)
}

/// Revokes the codes that have not become a session yet, of a person whose own session has ended.
pub(crate) async fn revoke_of(tx: &mut Tx, person_session: Uuid, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE codes SET revoked_at = $2
         WHERE tenant_id = :tenant AND person_session = $1 AND grant_session IS NULL AND revoked_at IS NULL",
        params![person_session, now],
    )
    .await
    .map(drop)
}
