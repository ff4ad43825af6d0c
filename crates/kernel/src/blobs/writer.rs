//! A blob on its way into the store: a small one in one request, a large one in parts that several requests carry.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path as BlobPath;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, PutResult, UploadPart, WriteMultipart};

use super::BlobError;

/// How many parts of a blob may be on their way to the store at once.
const PARTS_IN_FLIGHT: usize = 4;
/// The size of a part in bytes, and of the largest blob that goes in one request. S3 takes none under 5 MiB but the last.
const PART: u64 = 8 << 20;
/// The most parts that S3 takes; a few are kept back, as content may be longer than was said.
const MOST_PARTS: u64 = 9_900;

/// A blob in the making. Dropped before its end, it leaves nothing.
pub(super) struct Writer {
    store: Arc<dyn ObjectStore>,
    path: BlobPath,
    part: u64,
    state: State,
}

enum State {
    /// It may still fit into one request.
    Gathering {
        pieces: Vec<Bytes>,
        size: u64,
    },
    InParts(WriteMultipart),
}

impl Writer {
    /// Begins a blob of about this size, if that is known.
    pub(super) fn new(store: &Arc<dyn ObjectStore>, path: BlobPath, size: Option<u64>) -> Self {
        let part = PART.max(size.unwrap_or(0).div_ceil(MOST_PARTS));
        Self { store: Arc::clone(store), path, part, state: State::Gathering { pieces: Vec::new(), size: 0 } }
    }

    /// Adds bytes; waits while too many are on their way.
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        if let State::Gathering { pieces, size } = &mut self.state {
            *size += bytes.len() as u64;
            pieces.push(bytes);
            if *size > self.part {
                let pieces = std::mem::take(pieces);
                let upload = begin(Arc::clone(&self.store), self.path.clone()).await?;
                let part = usize::try_from(self.part).unwrap_or(usize::MAX);
                let mut parts = WriteMultipart::new_with_chunk_size(Box::new(upload), part);
                for bytes in pieces {
                    parts.put(bytes);
                }
                self.state = State::InParts(parts);
            }
        } else if let State::InParts(parts) = &mut self.state {
            parts.wait_for_capacity(PARTS_IN_FLIGHT).await?;
            parts.put(bytes);
        }
        Ok(())
    }

    /// Makes the blob be there, whole.
    pub(super) async fn finish(self) -> Result<(), BlobError> {
        match self.state {
            State::Gathering { pieces, .. } => {
                self.store.put(&self.path, PutPayload::from_iter(pieces)).await?;
            }
            State::InParts(parts) => {
                parts.finish().await?;
            }
        }
        Ok(())
    }

    /// Gives it up, and waits until nothing of it is left.
    pub(super) async fn abort(self) -> Result<(), BlobError> {
        match self.state {
            State::Gathering { .. } => Ok(()),
            State::InParts(parts) => Ok(parts.abort().await?),
        }
    }
}

/// Begins an upload in parts. In a task of its own: when nobody waits any more, the store may have begun it already, and then
/// somebody must be there to end it.
async fn begin(store: Arc<dyn ObjectStore>, path: BlobPath) -> Result<Abandoned, BlobError> {
    let begun = tokio::spawn(async move { store.put_multipart(&path).await.map(|upload| Abandoned(Some(upload))) });
    Ok(begun.await.map_err(std::io::Error::from)??)
}

/// An upload whose parts the store is told to forget when nobody goes on with it: S3 would keep them for ever.
#[derive(Debug)]
struct Abandoned(Option<Box<dyn MultipartUpload>>);

impl Abandoned {
    fn ended() -> object_store::Error {
        object_store::Error::Generic { store: "blobs", source: "the upload has ended".into() }
    }
}

#[async_trait]
impl MultipartUpload for Abandoned {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match &mut self.0 {
            Some(upload) => upload.put_part(data),
            None => Box::pin(std::future::ready(Err(Self::ended()))),
        }
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        let result = self.0.as_mut().ok_or_else(Self::ended)?.complete().await?;
        self.0 = None;
        Ok(result)
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        match self.0.take() {
            Some(mut upload) => upload.abort().await,
            None => Ok(()),
        }
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        let Some(mut upload) = self.0.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(%error, "the parts of a blob that was given up could not be removed");
                }
            });
        }
    }
}
