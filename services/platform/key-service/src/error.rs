//! What can go wrong, and what the client learns of it.

use http::StatusCode;
use nexus_kernel::Problem;
use nexus_kernel::store::StoreError;

/// What can go wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// Nothing can be opened: the master key is not there.
    #[error("Vault is sealed")]
    Sealed,
    /// There are no keys yet, and nobody but people can make them.
    #[error("Vault is not initialized")]
    NotInitialised,
    /// There are keys, and there must be no second beginning.
    #[error("Vault is already initialized")]
    Initialised,
    /// The request breaks a rule, which it names.
    #[error("{0}")]
    Invalid(String),
    /// It does not exist, or the asker may not know that it does.
    #[error("there is no such thing")]
    NotFound,
    /// It was made unreadable for ever.
    #[error(
        "this context was shredded: what was sealed in it can't be read any more, and nothing is sealed in it again"
    )]
    Shredded,
    /// It was encrypted elsewhere, in another context, or was changed.
    #[error("this was not encrypted by the same service in this context, or was changed since")]
    Unreadable,
    /// A stored value is not what this service wrote.
    #[error("stored {0} can't be read: it was changed, or belongs to another root key")]
    Corrupt(&'static str),
    /// The master key can't be had, and what to do.
    #[error("{0}")]
    Master(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// A rule that the request broke.
    pub(crate) fn invalid(rule: impl Into<String>) -> Self {
        Self::Invalid(rule.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Sealed | Error::NotInitialised => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "sealed", "Sealed").detail(detail)
            }
            Error::Initialised => Self::bad_request("already-initialised", detail),
            Error::Invalid(_) => Self::bad_request("invalid-request", detail),
            Error::NotFound => Self::not_found(detail),
            Error::Shredded => Self::new(StatusCode::GONE, "shredded", "Shredded").detail(detail),
            Error::Unreadable => Self::unprocessable("unreadable", detail),
            Error::Store(error) => error.into(),
            Error::Corrupt(_) | Error::Master(_) => Self::internal(detail),
        }
    }
}
