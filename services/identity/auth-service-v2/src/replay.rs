//! Proofs that are good once: each is put down until it could not be shown again anyway. In the store, as a proof that came to
//! one instance must not be good at another, nor after a restart.

use nexus_kernel::blobs::hex;
use nexus_kernel::store::StoreError;
use nexus_kernel::{Context, Problem, TenantId, Timestamp};
use sha2::{Digest, Sha256};

use crate::store;

/// The longest id of a proof that is taken, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 256;

/// Whether a proof comes for the first time. `maker` is who made it, in whose name alone its id means anything.
pub(crate) async fn is_first_use(
    context: &Context,
    tenant: TenantId,
    maker: &str,
    id: &str,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let mut hash = Sha256::new();
    hash.update((maker.len() as u64).to_be_bytes());
    hash.update(maker);
    hash.update(id);
    store::proofs::add(context, tenant, &hex(&hash.finalize()), until).await
}

/// Forgets what could not be shown again.
pub(crate) async fn forget(context: Context) -> Result<(), Problem> {
    store::proofs::forget_before(&context, context.clock.now()).await?;
    Ok(())
}
