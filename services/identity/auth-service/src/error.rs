//! What can go wrong, and what the client learns of it.

use std::time::Duration;

use nexus_kernel::Problem;
use nexus_kernel::mesh::MeshError;
use nexus_kernel::store::StoreError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The password is not the account's, or there is no such account: the client must not learn which.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The password is right, but the address was never verified.
    #[error("your e-mail address is not verified yet; open the link in the mail, or ask for a new one")]
    EmailNotVerified,
    /// Too many attempts failed, for the account or from the network. Said of accounts that do not exist as well.
    #[error("too many attempts failed; wait, then try again")]
    Locked(Duration),
    /// Another service.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::InvalidCredentials => Self::unauthorized("invalid-credentials", detail),
            Error::EmailNotVerified => Self::forbidden("email-not-verified", detail),
            Error::Locked(wait) => Self::too_many("locked", detail, wait),
            Error::Mesh(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
