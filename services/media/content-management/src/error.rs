//! What can go wrong, and what the asker is told.

use nexus_kernel::Problem;

/// What can go wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no such content")]
    NotFound,
    #[error("it has no media yet; upload a file first")]
    NoMedia,
    #[error("its media is still being made ready; wait until media.state is ready")]
    MediaProcessing,
    #[error("its media could not be made ready ({0}); delete it and upload the file again")]
    MediaFailed(String),
    #[error("status must be `draft` or `published`")]
    UnknownStatus,
    #[error("q may have at most {0} characters")]
    QueryTooLong(usize),
    #[error("somebody changed it meanwhile; read it again and repeat your change")]
    Changed,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound => Problem::not_found(detail),
            Error::NoMedia | Error::MediaProcessing | Error::MediaFailed(_) => {
                Problem::conflict("media-not-ready", detail)
            }
            Error::UnknownStatus | Error::QueryTooLong(_) => Problem::bad_request("invalid-filter", detail),
            Error::Changed => Problem::precondition_failed(detail),
        }
    }
}
