//! What can go wrong with a blob.

use crate::problem::Problem;

/// What can go wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such blob.
    #[error("no blob at {0}")]
    NotFound(String),
    /// The key has empty or relative parts.
    #[error("`{0}` is not a blob key")]
    InvalidKey(String),
    /// The bytes that arrived are not the bytes that were announced.
    #[error("the content's SHA-256 is {actual}, announced was {expected}")]
    Checksum {
        /// As announced, in hexadecimal.
        expected: String,
        /// As measured, in hexadecimal.
        actual: String,
    },
    /// The source of the bytes failed.
    #[error("reading the content: {0}")]
    Source(#[from] std::io::Error),
    /// The store failed.
    #[error("blob store: {0}")]
    Store(object_store::Error),
    /// The store answered what it may not answer.
    #[error("blob store: {0}")]
    Answer(String),
    /// The configured address can't be used.
    #[error("blobs.url `{url}`: {reason}")]
    Url {
        /// As configured.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => Self::NotFound(path),
            other => Self::Store(other),
        }
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound(_) => Problem::not_found("the file does not exist"),
            other => Problem::internal(other),
        }
    }
}
