//! What can go wrong, and what the asker is told.

use std::io::ErrorKind;
use std::time::Duration;

use http::StatusCode;
use nexus_kernel::Problem;
use nexus_kernel::blobs::BlobError;
use nexus_kernel::store::StoreError;

use crate::metadata::MetadataError;

/// The status of a part that does not match its checksum (tus 1.0.0, checksum extension).
const CHECKSUM_MISMATCH: u16 = 460;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no such upload")]
    NotFound,
    #[error("the upload has expired; start a new one")]
    Expired,
    #[error("send Tus-Resumable: 1.0.0, the only version that is spoken here")]
    WrongVersion,
    #[error("Upload-Length must say how many bytes the file has; Upload-Defer-Length is not supported")]
    NoLength,
    #[error("the file is empty; choose one with something in it")]
    Empty,
    #[error("the file has more than {0} bytes, the most that is accepted")]
    TooLarge(u64),
    #[error("Upload-Metadata {0}")]
    Metadata(#[from] MetadataError),
    #[error("you have {0} unfinished uploads; finish some or delete them")]
    TooMany(i64),
    #[error("send the bytes as application/offset+octet-stream")]
    WrongType,
    #[error("Upload-Offset must say at which byte this part begins")]
    NoOffset,
    #[error(
        "the upload is at byte {stored}, this part begins at {sent}; ask for the offset with HEAD and go on from there"
    )]
    WrongOffset { stored: u64, sent: u64 },
    #[error("the part goes beyond the {0} bytes that were announced")]
    Overrun(u64),
    #[error("Upload-Checksum must be `sha1` or `sha256`, a space, and the digest in base64")]
    InvalidChecksum,
    #[error("the part does not match its Upload-Checksum; send it again")]
    ChecksumMismatch,
    #[error("another request writes to this upload; ask for the offset with HEAD and go on from there")]
    Locked,
    #[error("the request ended before its body; ask for the offset with HEAD and go on from there")]
    CutOff,
    #[error("X-HTTP-Method-Override must be HEAD, PATCH or DELETE")]
    UnknownOverride,
    #[error("the upload is complete; delete the content that it became instead")]
    Complete,
    #[error("the server is about to stop; ask for the offset with HEAD and go on from there")]
    Stopping,
    #[error("writing the file: {0}")]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the receiving task ended: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let other = |status, code, title| Problem::new(status, code, title).detail(detail.clone());
        match error {
            Error::NotFound => Problem::not_found(detail),
            Error::Expired => other(StatusCode::GONE, "upload-expired", "Gone"),
            Error::WrongVersion => other(StatusCode::PRECONDITION_FAILED, "tus-version", "Version not spoken"),
            Error::NoLength => Problem::bad_request("invalid-upload-length", detail),
            Error::Empty => Problem::unprocessable("empty-file", detail),
            Error::TooLarge(_) => other(StatusCode::PAYLOAD_TOO_LARGE, "upload-too-large", "Too large"),
            Error::Metadata(_) => Problem::bad_request("invalid-upload-metadata", detail),
            Error::TooMany(_) => Problem::too_many("too-many-uploads", detail, Duration::from_mins(1)),
            Error::WrongType => {
                other(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type")
            }
            Error::NoOffset => Problem::bad_request("invalid-upload-offset", detail),
            Error::WrongOffset { .. } => Problem::conflict("wrong-offset", detail),
            Error::Overrun(_) => other(StatusCode::PAYLOAD_TOO_LARGE, "more-than-announced", "Too large"),
            Error::InvalidChecksum => Problem::bad_request("invalid-upload-checksum", detail),
            Error::ChecksumMismatch => other(checksum_mismatch(), "checksum-mismatch", "Checksum mismatch"),
            Error::Locked => other(StatusCode::LOCKED, "upload-locked", "Locked"),
            Error::CutOff => Problem::bad_request("body-cut-off", detail),
            Error::UnknownOverride => Problem::bad_request("unknown-method-override", detail),
            Error::Complete => Problem::conflict("upload-complete", detail),
            Error::Stopping => Problem::unavailable(detail),
            Error::File(error) if error.kind() == ErrorKind::StorageFull => {
                other(StatusCode::INSUFFICIENT_STORAGE, "storage-full", "Storage full")
            }
            Error::File(_) | Error::Task(_) => Problem::internal(detail),
            Error::Blob(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}

fn checksum_mismatch() -> StatusCode {
    StatusCode::from_u16(CHECKSUM_MISMATCH).expect("any number from 100 to 999 is a status")
}
