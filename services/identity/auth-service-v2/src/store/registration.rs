//! Tokens with which applications register themselves.

use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Context, TenantId, Timestamp, params};

use crate::registration::{RegistrationToken, RegistrationTokenId};
use crate::secret::SecretHash;

impl FromRow for RegistrationToken {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// Adds a token.
pub(crate) async fn add(tx: &mut Tx, token: &RegistrationToken, hash: &SecretHash) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO registration_tokens (id, tenant_id, token_hash, name, created_at, expires_at)
         VALUES ($1, :tenant, $2, $3, $4, $5)",
        params![token.id, hash.0.as_str(), token.name.as_str(), token.created_at, token.expires_at],
    )
    .await
    .map(drop)
}

/// A token that is still good. Across tenants: the token is all that its bearer shows, and it names its tenant.
pub(crate) async fn find(
    context: &Context,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<RegistrationToken>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT id, tenant_id, name, created_at, expires_at FROM registration_tokens
             WHERE token_hash = $1 AND expires_at > $2",
            params![hash.0.as_str(), now],
        )
        .await
}

/// Whether anybody can register an application now, in any organisation: the provider's description is one for all.
pub(crate) async fn any(context: &Context) -> Result<bool, StoreError> {
    let found: Option<Scalar<String>> = context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT id FROM registration_tokens WHERE expires_at > $1 LIMIT 1",
            params![context.clock.now()],
        )
        .await?;
    Ok(found.is_some())
}

/// Forgets a token; false when there is none.
pub(crate) async fn delete(tx: &mut Tx, id: RegistrationTokenId) -> Result<bool, StoreError> {
    let deleted =
        tx.execute("DELETE FROM registration_tokens WHERE tenant_id = :tenant AND id = $1", params![id]).await?;
    Ok(deleted == 1)
}

/// One page of an organisation's tokens that are still good, newest first.
pub(crate) async fn page(
    context: &Context,
    tenant: TenantId,
    page: &Page,
) -> Result<Vec<RegistrationToken>, StoreError> {
    context
        .store
        .read(tenant)
        .query(
            "SELECT id, tenant_id, name, created_at, expires_at FROM registration_tokens
             WHERE tenant_id = :tenant AND expires_at > $1 AND (CAST($2 AS TEXT) IS NULL OR id < $2)
             ORDER BY id DESC LIMIT $3",
            params![context.clock.now(), page.after.clone(), page.fetch()],
        )
        .await
}
