//! Proofs that are good once.

use nexus_kernel::store::{Scope, StoreError};
use nexus_kernel::{Context, TenantId, Timestamp, params};

/// Puts a proof down; false when it was there.
pub(crate) async fn add(context: &Context, tenant: TenantId, id: &str, until: Timestamp) -> Result<bool, StoreError> {
    let mut tx = context.store.begin(tenant).await?;
    let added = tx
        .execute(
            "INSERT INTO proofs (id, tenant_id, expires_at) VALUES ($1, :tenant, $2) ON CONFLICT (id) DO NOTHING",
            params![id, until],
        )
        .await?;
    tx.commit().await?;
    Ok(added == 1)
}

/// Forgets what could not be shown again.
pub(crate) async fn forget_before(context: &Context, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("DELETE FROM proofs WHERE expires_at <= $1", params![now]).await?;
    tx.commit().await
}
