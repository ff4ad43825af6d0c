//! What people agreed to.

use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, StoreError, Tx};
use nexus_kernel::{Context, Principal, Timestamp, UserId, params};

use crate::application::ApplicationId;
use crate::consent::Consent;
use crate::scope::Scope;

impl FromRow for Consent {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let scope: String = row.get("scope")?;
        Ok(Self {
            application: row.get("application_id")?,
            scope: Scope::stored(&scope),
            granted_at: row.get("granted_at")?,
        })
    }
}

/// What a person agreed to for an application.
pub(crate) async fn find(
    query: &mut impl Query,
    user: UserId,
    application: ApplicationId,
) -> Result<Option<Consent>, StoreError> {
    query
        .query_optional(
            "SELECT application_id, scope, granted_at FROM consents
             WHERE tenant_id = :tenant AND user_id = $1 AND application_id = $2",
            params![user, application],
        )
        .await
}

/// Remembers what a person agrees to from now on.
pub(crate) async fn put(
    tx: &mut Tx,
    user: UserId,
    application: ApplicationId,
    scope: &Scope,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO consents (tenant_id, user_id, application_id, scope, granted_at) VALUES (:tenant, $1, $2, $3, $4)
         ON CONFLICT (tenant_id, user_id, application_id)
         DO UPDATE SET scope = excluded.scope, granted_at = excluded.granted_at",
        params![user, application, scope.to_string(), now],
    )
    .await
    .map(drop)
}

/// Forgets what a person agreed to; false when there was nothing.
pub(crate) async fn delete(tx: &mut Tx, user: UserId, application: ApplicationId) -> Result<bool, StoreError> {
    let deleted = tx
        .execute(
            "DELETE FROM consents WHERE tenant_id = :tenant AND user_id = $1 AND application_id = $2",
            params![user, application],
        )
        .await?;
    Ok(deleted == 1)
}

/// One page of what a person agreed to, the newest application first.
pub(crate) async fn page(context: &Context, principal: &Principal, page: &Page) -> Result<Vec<Consent>, StoreError> {
    context
        .store
        .read(principal.tenant)
        .query(
            "SELECT application_id, scope, granted_at FROM consents
             WHERE tenant_id = :tenant AND user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR application_id < $2)
             ORDER BY application_id DESC LIMIT $3",
            params![principal.user, page.after.clone(), page.fetch()],
        )
        .await
}
