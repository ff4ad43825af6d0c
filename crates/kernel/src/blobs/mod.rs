//! Files: streamed in and out, with checksums. A folder by default; a bucket of S3 by URL.
//!
//! Both behave alike: a blob is there whole or not at all, and durable once its write has returned.

mod error;
mod folder;
mod http;
mod key;
mod s3;
#[cfg(test)]
mod tests;
mod writer;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

pub use self::error::BlobError;
use self::key::parse;
use self::writer::Writer;
use crate::config::BlobConfig;

/// How much of a file is read at once, in bytes.
const FILE_CHUNK: usize = 256 << 10;

/// What is known of a stored blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobMeta {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content in hexadecimal.
    pub sha256: String,
}

/// The blob store.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(Arc<PathBuf>),
    Bucket(s3::Bucket),
}

impl Blobs {
    /// The store as configured; without a URL it is the folder `blobs` in the data folder. A bucket is reached when it is
    /// first used.
    pub fn open(config: &BlobConfig, data: &Path) -> Result<Self, BlobError> {
        if config.url.is_empty() {
            return Self::folder(&data.join("blobs"));
        }
        if let Some(path) = config.url.strip_prefix("file://") {
            return Self::folder(Path::new(path));
        }
        if config.url.starts_with(s3::SCHEME) {
            let (store, bucket) = s3::open(config)?;
            return Ok(Self { store, place: Place::Bucket(bucket) });
        }
        let reason = "expected file:///path or s3://bucket[/prefix], or nothing for a folder in `data`".to_owned();
        Err(BlobError::Url { url: config.url.clone(), reason })
    }

    /// A store in a folder, made when it does not exist.
    pub fn folder(root: &Path) -> Result<Self, BlobError> {
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let store = LocalFileSystem::new_with_prefix(&root)?.with_automatic_cleanup(true).with_fsync(true);
        Ok(Self { store: Arc::new(store), place: Place::Folder(Arc::new(root)) })
    }

    /// Stores a stream; whole or not at all. `expected` is the content's SHA-256 in hexadecimal when the sender announced one.
    pub async fn put_stream(
        &self,
        key: &str,
        content: impl Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
        expected: Option<&str>,
    ) -> Result<BlobMeta, BlobError> {
        self.put_sized(key, content, None, expected).await
    }

    /// Stores a stream of about this many bytes: a bucket takes larger blobs when it knows early that they are.
    pub async fn put_sized(
        &self,
        key: &str,
        mut content: impl Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
        about: Option<u64>,
        expected: Option<&str>,
    ) -> Result<BlobMeta, BlobError> {
        let mut writer = Writer::new(&self.store, parse(key)?, about);
        let mut digest = Sha256::new();
        let mut size = 0_u64;
        loop {
            match content.try_next().await {
                Ok(Some(bytes)) => {
                    digest.update(&bytes);
                    size += bytes.len() as u64;
                    writer.write(bytes).await?;
                }
                Ok(None) => break,
                Err(error) => {
                    writer.abort().await?;
                    return Err(error.into());
                }
            }
        }
        let sha256 = hex(&digest.finalize());
        if let Some(expected) = expected.filter(|expected| !expected.eq_ignore_ascii_case(&sha256)) {
            writer.abort().await?;
            return Err(BlobError::Checksum { expected: expected.to_owned(), actual: sha256 });
        }
        writer.finish().await?;
        Ok(BlobMeta { size, sha256 })
    }

    /// Stores bytes; whole or not at all.
    pub async fn put(&self, key: &str, content: Bytes) -> Result<BlobMeta, BlobError> {
        self.put_stream(key, futures::stream::iter([Ok(content)]), None).await
    }

    /// Takes a file over: afterwards it is the blob, and no longer where it was. On the disk of a folder store it is moved and
    /// not copied, so that its size does not matter and a crash leaves it whole in one of the two places.
    pub async fn put_file(&self, key: &str, file: &Path) -> Result<(), BlobError> {
        parse(key)?;
        if let Place::Folder(root) = &self.place
            && folder::move_below(root, key, file).await?
        {
            return Ok(());
        }
        let content = tokio::fs::File::open(file).await?;
        let size = content.metadata().await?.len();
        self.put_sized(key, ReaderStream::with_capacity(content, FILE_CHUNK), Some(size), None).await?;
        Ok(tokio::fs::remove_file(file).await?)
    }

    /// Bytes in the blob.
    pub async fn size(&self, key: &str) -> Result<u64, BlobError> {
        Ok(self.store.head(&parse(key)?).await?.size)
    }

    /// The content, or a range of it.
    pub async fn get_stream(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, BlobError> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.store.get_opts(&parse(key)?, options).await?;
        Ok(found.into_stream().map_err(std::io::Error::other).boxed())
    }

    /// The whole content at once, for small blobs.
    pub async fn get(&self, key: &str) -> Result<Bytes, BlobError> {
        Ok(self.store.get(&parse(key)?).await?.bytes().await?)
    }

    /// Removes a blob; one that is not there is removed already.
    pub async fn delete(&self, key: &str) -> Result<(), BlobError> {
        match self.store.delete(&parse(key)?).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes every blob below a prefix, and what was begun there and not finished; returns how many blobs there were.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<u64, BlobError> {
        let path = parse(prefix)?;
        let found: Vec<_> = self.store.list(Some(&path)).map_ok(|meta| meta.location).try_collect().await?;
        // A bucket takes a thousand of them in one request.
        let found = futures::stream::iter(found.into_iter().map(Ok)).boxed();
        let removed = self.store.delete_stream(found).try_fold(0, async |count, _| Ok(count + 1));
        let removed = match removed.await {
            // Somebody else removes them at the same time.
            Err(object_store::Error::NotFound { .. }) => self.delete_one_by_one(&path).await?,
            removed => removed?,
        };
        match &self.place {
            Place::Folder(root) => folder::remove_leftovers(&root.join(path.as_ref())).await?,
            Place::Bucket(bucket) => bucket.remove_leftovers(&path).await?,
        }
        Ok(removed)
    }

    async fn delete_one_by_one(&self, path: &object_store::path::Path) -> Result<u64, BlobError> {
        let mut removed = 0;
        for key in self.list(path.as_ref()).await? {
            self.delete(&key).await?;
            removed += 1;
        }
        Ok(removed)
    }

    /// The keys below a prefix.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        let path = parse(prefix)?;
        let found: Vec<_> = self.store.list(Some(&path)).try_collect().await?;
        Ok(found.into_iter().map(|meta| meta.location.to_string()).collect())
    }

    /// The keys of all blobs with their sizes, in no order.
    pub fn all(&self) -> BoxStream<'static, Result<(String, u64), BlobError>> {
        self.store.list(None).map_ok(|meta| (meta.location.to_string(), meta.size)).map_err(BlobError::from).boxed()
    }

    /// The file behind a key when the store is a folder, for programs that read files.
    pub fn local_path(&self, key: &str) -> Option<PathBuf> {
        let path = parse(key).ok()?;
        match &self.place {
            Place::Folder(root) => Some(root.join(path.as_ref())),
            Place::Bucket(_) => None,
        }
    }

    /// Whether a blob can be written, read and removed.
    pub async fn probe(&self) -> Result<(), BlobError> {
        let key = format!("probe/{}", Uuid::now_v7());
        let content = Bytes::from(key.clone());
        self.put(&key, content.clone()).await?;
        let read = self.get(&key).await?;
        self.delete(&key).await?;
        if read == content { Ok(()) } else { Err(BlobError::Answer("it gave back other bytes than it got".to_owned())) }
    }
}

/// Bytes in hexadecimal, lower case.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
