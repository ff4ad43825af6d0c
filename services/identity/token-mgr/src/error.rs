//! What can go wrong, and what the client learns of it.

use nexus_kernel::Problem;
use nexus_kernel::store::StoreError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Unknown, spent, revoked or expired: the client learns no more than that it has to sign in.
    #[error("the refresh token is not valid or no longer valid; sign in again")]
    InvalidRefreshToken,
    /// A session has one family, and a revoked one gets none.
    #[error("the session has its tokens already, or was revoked")]
    FamilyExists,
    /// No key is there to sign with.
    #[error("no signing key is active")]
    NoSigningKey,
    /// A stored value is not what this service wrote.
    #[error("stored {0} can't be read")]
    Corrupt(&'static str),
    /// The key is not a key, or the claims are no JSON.
    #[error("signing: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidRefreshToken => Self::unauthorized("invalid-refresh-token", error.to_string()),
            Error::FamilyExists => Self::conflict("family-exists", error.to_string()),
            Error::Store(error) => error.into(),
            Error::NoSigningKey | Error::Corrupt(_) | Error::Signing(_) => Self::internal(error),
        }
    }
}
