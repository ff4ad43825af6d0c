//! Applications.

use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Context, TenantId, params};

use super::{json, to_json};
use crate::application::{Application, ApplicationId};
use crate::secret::SecretHash;

impl FromRow for Application {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let secret: Option<String> = row.get("secret_hash")?;
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            definition: json(row, "definition")?,
            secret: secret.map(SecretHash),
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            version: row.get("version")?,
        })
    }
}

/// Adds an application.
pub(crate) async fn add(tx: &mut Tx, application: &Application) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO applications (id, tenant_id, definition, secret_hash, created_at, updated_at, version)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6)",
        params![
            application.id,
            to_json(&application.definition),
            application.secret.as_ref().map(|secret| secret.0.as_str()),
            application.created_at,
            application.updated_at,
            application.version,
        ],
    )
    .await
    .map(drop)
}

/// Changes an application that still has the version before; false when it has not.
pub(crate) async fn update(tx: &mut Tx, application: &Application) -> Result<bool, StoreError> {
    let changed = tx
        .execute(
            "UPDATE applications SET definition = $2, secret_hash = $3, updated_at = $4, version = $5
             WHERE tenant_id = :tenant AND id = $1 AND version = $5 - 1",
            params![
                application.id,
                to_json(&application.definition),
                application.secret.as_ref().map(|secret| secret.0.as_str()),
                application.updated_at,
                application.version,
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Forgets an application, and everything that it asked for and was not given yet.
pub(crate) async fn delete(tx: &mut Tx, id: ApplicationId) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM pushed_requests WHERE tenant_id = :tenant AND application_id = $1",
        "DELETE FROM authorizations WHERE tenant_id = :tenant AND application_id = $1",
        "DELETE FROM codes WHERE tenant_id = :tenant AND application_id = $1",
        "DELETE FROM device_requests WHERE tenant_id = :tenant AND application_id = $1",
        "DELETE FROM consents WHERE tenant_id = :tenant AND application_id = $1",
        "DELETE FROM logout_notices WHERE tenant_id = :tenant AND application_id = $1",
        "DELETE FROM applications WHERE tenant_id = :tenant AND id = $1",
    ] {
        tx.execute(statement, params![id]).await?;
    }
    Ok(())
}

/// An application of this organisation.
pub(crate) async fn find(query: &mut impl Query, id: ApplicationId) -> Result<Option<Application>, StoreError> {
    query
        .query_optional(
            "SELECT id, tenant_id, definition, secret_hash, created_at, updated_at, version FROM applications
             WHERE tenant_id = :tenant AND id = $1",
            params![id],
        )
        .await
}

/// An application by the one thing that a request says of it. Across tenants: it is what names the tenant.
pub(crate) async fn by_client_id(context: &Context, id: ApplicationId) -> Result<Option<Application>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT id, tenant_id, definition, secret_hash, created_at, updated_at, version FROM applications WHERE id = $1",
            params![id],
        )
        .await
}

/// How many applications an organisation has.
pub(crate) async fn count(tx: &mut Tx) -> Result<i64, StoreError> {
    let Scalar(count) =
        tx.query_one("SELECT COUNT(*) AS number FROM applications WHERE tenant_id = :tenant", params![]).await?;
    Ok(count)
}

/// One page of an organisation's applications, newest first.
pub(crate) async fn page(context: &Context, tenant: TenantId, page: &Page) -> Result<Vec<Application>, StoreError> {
    context
        .store
        .read(tenant)
        .query(
            "SELECT id, tenant_id, definition, secret_hash, created_at, updated_at, version FROM applications
             WHERE tenant_id = :tenant AND (CAST($1 AS TEXT) IS NULL OR id < $1) ORDER BY id DESC LIMIT $2",
            params![page.after.clone(), page.fetch()],
        )
        .await
}
