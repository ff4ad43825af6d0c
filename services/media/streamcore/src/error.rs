//! What can go wrong, and what the asker is told.

use nexus_kernel::Problem;
use nexus_kernel::blobs::BlobError;
use nexus_kernel::store::StoreError;

use crate::job::JobState;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no such job")]
    NotFound,
    #[error("only a failed job can be tried again; this one is {}", .0.as_str())]
    NotFailed(JobState),
    #[error("the source file was removed after the failure; upload it again")]
    SourceGone,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound => Problem::not_found(detail),
            Error::NotFailed(_) => Problem::conflict("job-not-failed", detail),
            Error::SourceGone => Problem::conflict("source-gone", detail),
            Error::Store(error) => error.into(),
            Error::Blob(error) => error.into(),
        }
    }
}
