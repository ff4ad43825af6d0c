//! Requests of devices.

use nexus_kernel::store::{FromRow, Query, Row, StoreError, Tx};
use nexus_kernel::{Timestamp, params};
use uuid::Uuid;

use super::{json, to_json};
use crate::application::ApplicationId;
use crate::code::{Approval, CodeHash};
use crate::device::{DeviceRequest, State, UserCode};
use crate::scope::Scope;

const COLUMNS: &str =
    "device_code_hash, user_code, application_id, scope, state, approval, wait_seconds, polled_at, expires_at";

impl FromRow for DeviceRequest {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let (scope, state): (String, String) = (row.get("scope")?, row.get("state")?);
        let approval: Option<String> = row.get("approval")?;
        Ok(Self {
            hash: CodeHash(row.get("device_code_hash")?),
            user_code: UserCode(row.get("user_code")?),
            application: row.get("application_id")?,
            scope: Scope::stored(&scope),
            state: State::named(&state)
                .ok_or_else(|| StoreError::Column { column: "state".to_owned(), reason: "there is no such state" })?,
            approval: approval.map(|_| json(row, "approval")).transpose()?,
            wait_seconds: row.get("wait_seconds")?,
            polled_at: row.get("polled_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// Adds a request; false when its user code is taken.
pub(crate) async fn add(tx: &mut Tx, request: &DeviceRequest) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO device_requests
                 (device_code_hash, user_code, tenant_id, application_id, scope, state, wait_seconds, expires_at)
             VALUES ($1, $2, :tenant, $3, $4, $5, $6, $7) ON CONFLICT (user_code) DO NOTHING",
            params![
                request.hash.0.as_str(),
                request.user_code.0.as_str(),
                request.application,
                request.scope.to_string(),
                request.state.as_str(),
                request.wait_seconds,
                request.expires_at,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// An application's request by its device code.
pub(crate) async fn by_device(
    tx: &mut Tx,
    hash: &CodeHash,
    application: ApplicationId,
) -> Result<Option<DeviceRequest>, StoreError> {
    tx.query_optional(
        &format!(
            "SELECT {COLUMNS} FROM device_requests
             WHERE tenant_id = :tenant AND device_code_hash = $1 AND application_id = $2"
        ),
        params![hash.0.as_str(), application],
    )
    .await
}

/// The request that waits for an answer under this code, in the person's organisation.
pub(crate) async fn by_user_code(
    query: &mut impl Query,
    code: &UserCode,
    now: Timestamp,
) -> Result<Option<DeviceRequest>, StoreError> {
    query
        .query_optional(
            &format!(
                "SELECT {COLUMNS} FROM device_requests
                 WHERE tenant_id = :tenant AND user_code = $1 AND state = 'pending' AND expires_at > $2"
            ),
            params![code.0.as_str(), now],
        )
        .await
}

/// Remembers that the device asked, and how long it has to wait before it asks again.
pub(crate) async fn polled(tx: &mut Tx, hash: &CodeHash, wait: i64, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE device_requests SET polled_at = $2, wait_seconds = $3 WHERE tenant_id = :tenant AND device_code_hash = $1",
        params![hash.0.as_str(), now, wait],
    )
    .await
    .map(drop)
}

/// Moves a request on; false when somebody else did.
pub(crate) async fn advance(tx: &mut Tx, hash: &CodeHash, from: State, to: State) -> Result<bool, StoreError> {
    let moved = tx
        .execute(
            "UPDATE device_requests SET state = $3 WHERE tenant_id = :tenant AND device_code_hash = $1 AND state = $2",
            params![hash.0.as_str(), from.as_str(), to.as_str()],
        )
        .await?;
    Ok(moved == 1)
}

/// Writes down who said yes.
pub(crate) async fn approved_by(tx: &mut Tx, hash: &CodeHash, approval: &Approval) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE device_requests SET approval = $2, person_session = $3
         WHERE tenant_id = :tenant AND device_code_hash = $1",
        params![hash.0.as_str(), to_json(approval), approval.session],
    )
    .await
    .map(drop)
}

/// Takes back the yes of a person whose session has ended, where no session came of it yet.
pub(crate) async fn deny_of(tx: &mut Tx, person_session: Uuid) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE device_requests SET state = 'denied'
         WHERE tenant_id = :tenant AND person_session = $1 AND state = 'approved'",
        params![person_session],
    )
    .await
    .map(drop)
}
