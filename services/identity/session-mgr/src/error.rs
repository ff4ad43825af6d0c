//! What can go wrong, and what the client learns of it.

use nexus_kernel::Problem;
use nexus_kernel::store::StoreError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such session, it has ended, or it is somebody else's.
    #[error("you have no such session")]
    NoSuchSession,
    /// The account changed between the look at its credentials and the start of the session.
    #[error("the account has changed while you signed in; sign in again")]
    SignInAgain,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchSession => Self::not_found(error.to_string()),
            Error::SignInAgain => Self::conflict("sign-in-again", error.to_string()),
            Error::Store(error) => error.into(),
        }
    }
}
