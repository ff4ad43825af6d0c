//! What can go wrong, and what the asker is told.

use http::StatusCode;
use nexus_kernel::Problem;
use nexus_kernel::blobs::BlobError;
use nexus_kernel::mesh::MeshError;
use nexus_kernel::store::StoreError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no such content")]
    NotFound,
    #[error("there is no such file")]
    NoFile,
    #[error("it can't be played yet; wait until media.state is ready")]
    NotReady,
    #[error("the address was not signed here; ask for playback again")]
    InvalidSignature,
    #[error("the address has expired; ask for playback again")]
    Expired,
    #[error("the file has {0} bytes, and the range has none of them")]
    Unsatisfiable(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Mesh(#[from] MeshError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound | Error::NoFile | Error::Blob(BlobError::NotFound(_)) => Problem::not_found(detail),
            Error::NotReady => Problem::conflict("media-not-ready", detail),
            Error::InvalidSignature => Problem::forbidden("invalid-signature", detail),
            Error::Expired => Problem::forbidden("expired-signature", detail),
            Error::Unsatisfiable(_) => {
                Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", "Range not satisfiable")
                    .detail(detail)
            }
            Error::Store(error) => error.into(),
            Error::Blob(error) => error.into(),
            Error::Mesh(error) => error.into(),
        }
    }
}
