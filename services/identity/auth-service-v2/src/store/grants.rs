//! Sessions in which applications act for people.

use nexus_contracts::session_mgr::SessionId;
use nexus_kernel::store::{FromRow, Query, Row, StoreError, Tx};
use nexus_kernel::{Timestamp, UserId, params};
use uuid::Uuid;

use crate::application::ApplicationId;
use crate::grant::Grant;
use crate::scope::Scope;

impl FromRow for Grant {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let scope: String = row.get("scope")?;
        Ok(Self {
            session: row.get("session_id")?,
            user: row.get("user_id")?,
            application: row.get("application_id")?,
            person_session: row.get("person_session")?,
            scope: Scope::stored(&scope),
            expires_at: row.get("expires_at")?,
        })
    }
}

/// Adds a grant.
pub(crate) async fn add(tx: &mut Tx, grant: &Grant) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO grants (session_id, tenant_id, user_id, application_id, person_session, scope, expires_at)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6)",
        params![
            grant.session,
            grant.user,
            grant.application,
            grant.person_session,
            grant.scope.to_string(),
            grant.expires_at,
        ],
    )
    .await
    .map(drop)
}

/// The grant of a session, while it lasts.
pub(crate) async fn live(query: &mut impl Query, session: SessionId) -> Result<Option<Grant>, StoreError> {
    query
        .query_optional(
            "SELECT session_id, user_id, application_id, person_session, scope, expires_at FROM grants
             WHERE tenant_id = :tenant AND session_id = $1 AND ended_at IS NULL",
            params![session],
        )
        .await
}

/// The grants that a person gave in a session of their own, while they last.
pub(crate) async fn live_of_session(tx: &mut Tx, person_session: Uuid) -> Result<Vec<Grant>, StoreError> {
    tx.query(
        "SELECT session_id, user_id, application_id, person_session, scope, expires_at FROM grants
         WHERE tenant_id = :tenant AND person_session = $1 AND ended_at IS NULL",
        params![person_session],
    )
    .await
}

/// The grants that a person gave an application, while they last.
pub(crate) async fn live_of_user(
    tx: &mut Tx,
    user: UserId,
    application: ApplicationId,
) -> Result<Vec<Grant>, StoreError> {
    tx.query(
        "SELECT session_id, user_id, application_id, person_session, scope, expires_at FROM grants
         WHERE tenant_id = :tenant AND user_id = $1 AND application_id = $2 AND ended_at IS NULL",
        params![user, application],
    )
    .await
}

/// All grants of an application, while they last.
pub(crate) async fn live_of_application(tx: &mut Tx, application: ApplicationId) -> Result<Vec<Grant>, StoreError> {
    tx.query(
        "SELECT session_id, user_id, application_id, person_session, scope, expires_at FROM grants
         WHERE tenant_id = :tenant AND application_id = $1 AND ended_at IS NULL",
        params![application],
    )
    .await
}

/// Marks a grant as ended; false when it was.
pub(crate) async fn end(tx: &mut Tx, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
    let ended = tx
        .execute(
            "UPDATE grants SET ended_at = $2 WHERE tenant_id = :tenant AND session_id = $1 AND ended_at IS NULL",
            params![session, now],
        )
        .await?;
    Ok(ended == 1)
}
