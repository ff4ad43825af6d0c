//! What is copied.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{ErrorKind, ReadSource, ReadSourceEntry, ReadSourceOpen, RusticError, RusticResult};

use crate::BackupError;
use crate::repository::TOP;

/// How a file is read.
pub type Content = Box<dyn FnOnce() -> io::Result<Box<dyn Read + Send>> + Send>;

/// A file of a copy.
pub struct File {
    /// Where it is in the copy, with `/` between its parts.
    pub path: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was changed last, in microseconds since 1970. A file with the same path, size and time as in the copy before is not
    /// read again.
    pub changed_at: i64,
    /// Reads it.
    pub content: Content,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("path", &self.path).field("size", &self.size).finish_non_exhaustive()
    }
}

/// The first that could not be read.
type Failed = Arc<Mutex<Option<BackupError>>>;

/// The files of one copy. The archiver would go on without what it can't read: that is remembered here.
pub(crate) struct Files {
    files: Mutex<Vec<File>>,
    failed: Failed,
}

impl Files {
    /// In the order in which a tree lists them.
    pub(crate) fn new(mut files: Vec<File>) -> Self {
        files.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
        Self { files: Mutex::new(files), failed: Failed::default() }
    }

    /// What could not be read.
    pub(crate) fn failure(&self) -> Option<BackupError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ReadSource for Files {
    type Open = Opener;
    type Iter = std::vec::IntoIter<RusticResult<ReadSourceEntry<Opener>>>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        let files = std::mem::take(&mut *self.files.lock().unwrap_or_else(PoisonError::into_inner));
        let entries: Vec<_> = files.into_iter().map(|file| Ok(entry(file, &self.failed))).collect();
        entries.into_iter()
    }
}

fn entry(file: File, failed: &Failed) -> ReadSourceEntry<Opener> {
    let path = PathBuf::from(format!("{TOP}/{}", file.path));
    let metadata = Metadata {
        mode: Some(0o600),
        mtime: Timestamp::from_microsecond(file.changed_at).ok(),
        size: file.size,
        ..Metadata::default()
    };
    let node = Node::new_node(path.file_name().unwrap_or_default(), NodeType::File, metadata);
    let opener = Opener { path: file.path, size: file.size, content: file.content, failed: Arc::clone(failed) };
    ReadSourceEntry { path, node, open: Some(opener) }
}

/// Opens a file when its turn comes.
pub(crate) struct Opener {
    path: String,
    size: u64,
    content: Content,
    failed: Failed,
}

impl ReadSourceOpen for Opener {
    type Reader = Reader;

    fn open(self) -> RusticResult<Reader> {
        let mut reader = Reader { path: self.path, left: self.size, inner: None, failed: self.failed };
        match (self.content)() {
            Ok(inner) => reader.inner = Some(inner),
            Err(error) => {
                let error = reader.fail(error);
                return Err(RusticError::with_source(ErrorKind::InputOutput, "a file can't be opened", error));
            }
        }
        Ok(reader)
    }
}

/// Reads exactly as many bytes as were announced.
pub(crate) struct Reader {
    path: String,
    left: u64,
    inner: Option<Box<dyn Read + Send>>,
    failed: Failed,
}

impl Reader {
    fn fail(&self, error: io::Error) -> io::Error {
        let copy = io::Error::new(error.kind(), error.to_string());
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert(BackupError::Read { path: self.path.clone(), source: error });
        copy
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = match &mut self.inner {
            Some(inner) => inner.read(&mut buffer[..most]),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        match read {
            Ok(0) => Err(self.fail(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it was"))),
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fail(error)),
        }
    }
}
