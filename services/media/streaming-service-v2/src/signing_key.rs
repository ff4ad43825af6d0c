//! The secret behind signed addresses: made at first use, kept in the service's own store, the same for all its instances.

use nexus_kernel::Context;
use nexus_kernel::store::StoreError;
use tokio::sync::OnceCell;

use crate::store;

/// The secret, once it was read.
#[derive(Default)]
pub(crate) struct SigningKey(OnceCell<String>);

impl SigningKey {
    /// The secret's bytes.
    pub(crate) async fn secret(&self, ctx: &Context) -> Result<&[u8], StoreError> {
        let secret = self.0.get_or_try_init(|| store::signing_secret(ctx)).await?;
        Ok(secret.as_bytes())
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}
