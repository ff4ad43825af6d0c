//! Secrets at rest: sealed, each person's under a key of their own, so that a copy of this service's tables is worth nothing.

use nexus_kernel::mesh::MeshError;
use nexus_kernel::seal::Sealed;
use nexus_kernel::{Context, UserId};

use crate::authenticator::SharedSecret;
use crate::error::Error;

/// What the store keeps of a secret.
pub(crate) async fn lock(context: &Context, owner: UserId, secret: &SharedSecret) -> Result<Sealed, Error> {
    Ok(context.sealer().seal(&keeper(owner), secret.bytes()).await?)
}

/// The secret that the store keeps.
pub(crate) async fn unlock(context: &Context, owner: UserId, locked: &Sealed) -> Result<SharedSecret, Error> {
    match context.sealer().open(&keeper(owner), locked).await {
        Ok(secret) => SharedSecret::kept(&secret),
        // No mistake of whoever sent a code.
        Err(MeshError::Refused(problem)) if problem.status().is_client_error() => {
            tracing::error!(user = %owner, %problem, "the secret of an authenticator can't be opened");
            Err(Error::Corrupt("secret of an authenticator"))
        }
        Err(error) => Err(error.into()),
    }
}

/// In which context a person's secret is sealed.
fn keeper(owner: UserId) -> String {
    format!("authenticator:{owner}")
}
