//! Files: streamed in and out, with checksums. A folder by default; another object store by URL.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as BlobPath;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use tokio_util::io::ReaderStream;

use crate::problem::Problem;

/// How many parts of a blob may be on their way to the store at once.
const PARTS_IN_FLIGHT: usize = 4;
/// How much of a file is read at once, in bytes.
const FILE_CHUNK: usize = 256 << 10;

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
    root: Option<Arc<PathBuf>>,
}

impl Blobs {
    /// The store at a URL; an empty one is the folder `blobs` in the data folder.
    pub fn open(url: &str, data: &Path) -> Result<Self, BlobError> {
        if url.is_empty() {
            return Self::folder(&data.join("blobs"));
        }
        match url.strip_prefix("file://") {
            Some(path) => Self::folder(Path::new(path)),
            None => Err(BlobError::Url {
                url: url.to_owned(),
                reason: "this build stores blobs in folders: use file:///path or leave it empty".to_owned(),
            }),
        }
    }

    /// A store in a folder, made when it does not exist.
    pub fn folder(root: &Path) -> Result<Self, BlobError> {
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let store = LocalFileSystem::new_with_prefix(&root)?.with_automatic_cleanup(true).with_fsync(true);
        Ok(Self { store: Arc::new(store), root: Some(Arc::new(root)) })
    }

    /// Stores a stream; whole or not at all. `expected` is the content's SHA-256 in hexadecimal when the sender announced one.
    pub async fn put_stream(
        &self,
        key: &str,
        mut content: impl Stream<Item = std::io::Result<Bytes>> + Send + Unpin,
        expected: Option<&str>,
    ) -> Result<BlobMeta, BlobError> {
        let path = parse(key)?;
        let mut upload = WriteMultipart::new(self.store.put_multipart(&path).await?);
        let mut digest = Sha256::new();
        let mut size = 0_u64;
        loop {
            match content.try_next().await {
                Ok(Some(bytes)) => {
                    upload.wait_for_capacity(PARTS_IN_FLIGHT).await?;
                    digest.update(&bytes);
                    size += bytes.len() as u64;
                    upload.put(bytes);
                }
                Ok(None) => break,
                Err(error) => {
                    upload.abort().await?;
                    return Err(error.into());
                }
            }
        }
        let sha256 = hex(&digest.finalize());
        if let Some(expected) = expected.filter(|expected| !expected.eq_ignore_ascii_case(&sha256)) {
            upload.abort().await?;
            return Err(BlobError::Checksum { expected: expected.to_owned(), actual: sha256 });
        }
        upload.finish().await?;
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
        if let Some(root) = self.root.as_deref()
            && move_below(root, key, file).await?
        {
            return Ok(());
        }
        let content = ReaderStream::with_capacity(tokio::fs::File::open(file).await?, FILE_CHUNK);
        self.put_stream(key, content, None).await?;
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

    /// Removes every blob below a prefix; returns how many there were.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<u64, BlobError> {
        let keys = self.list(prefix).await?;
        for key in &keys {
            self.delete(key).await?;
        }
        if let Some(folder) = self.local_path(prefix) {
            remove_leftovers(&folder).await?;
        }
        Ok(keys.len() as u64)
    }

    /// The keys below a prefix.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        let path = parse(prefix)?;
        let found: Vec<_> = self.store.list(Some(&path)).try_collect().await?;
        Ok(found.into_iter().map(|meta| meta.location.to_string()).collect())
    }

    /// The file behind a key when the store is a folder, for programs that read files.
    pub fn local_path(&self, key: &str) -> Option<PathBuf> {
        let path = parse(key).ok()?;
        self.root.as_ref().map(|root| root.join(path.as_ref()))
    }
}

/// Moves a file to its place below a folder, durably; false when that is on another disk.
async fn move_below(root: &Path, key: &str, file: &Path) -> std::io::Result<bool> {
    let place = root.join(key);
    let folder = place.parent().unwrap_or(root);
    tokio::fs::create_dir_all(folder).await?;
    tokio::fs::File::open(file).await?.sync_all().await?;
    match tokio::fs::rename(file, &place).await {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => return Ok(false),
        moved => moved?,
    }
    // The name, and the names of the folders above it that are new.
    for above in folder.ancestors().take_while(|above| above.starts_with(root)) {
        tokio::fs::File::open(above).await?.sync_all().await?;
    }
    Ok(true)
}

/// Removes what a killed process left of files that it had not finished: they have no keys, so that no list shows them.
async fn remove_leftovers(folder: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if !matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

fn parse(key: &str) -> Result<BlobPath, BlobError> {
    let wrong = || BlobError::InvalidKey(key.to_owned());
    let path = BlobPath::parse(key).map_err(|_| wrong())?;
    if key.is_empty() || path.as_ref() != key || path.parts().any(|part| part.as_ref().starts_with('.')) {
        return Err(wrong());
    }
    Ok(path)
}

/// Bytes in hexadecimal, lower case.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open("", folder.path()).unwrap();
        (folder, blobs)
    }

    #[tokio::test]
    async fn a_blob_comes_back_whole_and_in_ranges() {
        let (_folder, blobs) = blobs();
        let meta = blobs.put("a/b", Bytes::from_static(b"0123456789")).await.unwrap();
        assert_eq!((meta.size, meta.sha256.len()), (10, 64));
        let part: Vec<Bytes> = blobs.get_stream("a/b", Some(2..5)).await.unwrap().try_collect().await.unwrap();
        assert_eq!(part.concat(), b"234");
        assert_eq!(blobs.delete_prefix("a").await.unwrap(), 1);
        assert!(matches!(blobs.get("a/b").await, Err(BlobError::NotFound(_))));
    }

    #[tokio::test]
    async fn a_wrong_checksum_or_a_broken_source_leaves_nothing() {
        let (_folder, blobs) = blobs();
        let content = || futures::stream::iter([Ok(Bytes::from_static(b"abc"))]);
        assert!(matches!(blobs.put_stream("x", content(), Some("00")).await, Err(BlobError::Checksum { .. })));
        let broken = content().chain(futures::stream::iter([Err(std::io::Error::other("cut"))]));
        assert!(matches!(blobs.put_stream("x", broken, None).await, Err(BlobError::Source(_))));
        assert!(matches!(blobs.size("x").await, Err(BlobError::NotFound(_))));
    }

    #[tokio::test]
    async fn a_file_is_taken_over() {
        let (folder, blobs) = blobs();
        let file = folder.path().join("film");
        std::fs::write(&file, b"moving pictures").unwrap();
        blobs.put_file("a/b/film", &file).await.unwrap();
        assert!(!file.exists());
        assert_eq!(blobs.get("a/b/film").await.unwrap(), "moving pictures");
        assert!(blobs.put_file("a/b/film", &file).await.is_err());
        assert!(blobs.put_file("../film", &file).await.is_err());
        assert_eq!(blobs.size("a/b/film").await.unwrap(), 15);
    }

    #[tokio::test]
    async fn what_a_killed_process_had_not_finished_goes_with_the_rest() {
        let (folder, blobs) = blobs();
        blobs.put("a/b", Bytes::from_static(b"x")).await.unwrap();
        let leftover = folder.path().join("blobs/a/c#1");
        std::fs::write(&leftover, b"half").unwrap();
        assert_eq!(blobs.list("a").await.unwrap(), ["a/b"]);
        blobs.delete_prefix("a").await.unwrap();
        assert!(!leftover.exists());
        assert_eq!(blobs.delete_prefix("a").await.unwrap(), 0);
    }

    #[tokio::test]
    async fn keys_can_not_leave_the_store() {
        let (_folder, blobs) = blobs();
        for key in ["", "../x", "a/../x", "/etc/passwd", "a//b", ".hidden"] {
            assert!(blobs.get(key).await.is_err(), "{key}");
            assert_eq!(blobs.local_path(key), None, "{key}");
        }
    }
}
