//! Reading a copy.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustic_core::repofile::{Node, SnapshotFile};
use rustic_core::vfs::OpenFile;
use rustic_core::{IndexedFullStatus, OpenStatus, Repository as Rustic};

use crate::BackupError;
use crate::repository::TOP;

/// How much is read at once, in bytes.
const PIECE: usize = 1 << 20;

/// A copy.
pub struct Copy {
    repository: Arc<Rustic<IndexedFullStatus>>,
    snapshot: SnapshotFile,
}

impl std::fmt::Debug for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copy").field("id", &self.snapshot.id).finish_non_exhaustive()
    }
}

impl Copy {
    pub(crate) fn open(repository: Rustic<OpenStatus>, id: &str) -> Result<Self, BackupError> {
        let known = repository.get_all_snapshots()?;
        let mut found = known.into_iter().filter(|snapshot| snapshot.id.to_hex().as_str().starts_with(id));
        let snapshot = match (found.next(), found.next()) {
            (Some(snapshot), None) if !id.is_empty() => snapshot,
            (None, _) => return Err(BackupError::NoCopy(id.to_owned())),
            _ => return Err(BackupError::NoCopy(format!("with the one id `{id}`: several begin like that"))),
        };
        Ok(Self { repository: Arc::new(repository.to_indexed()?), snapshot })
    }

    /// A file of the copy.
    pub fn file(&self, path: &str) -> Result<Box<dyn Read + Send>, BackupError> {
        let node = self.repository.node_from_path(self.snapshot.tree, Path::new(&format!("{TOP}/{path}")))?;
        let file = self.repository.open_file(&node)?;
        Ok(Box::new(Reader { repository: Arc::clone(&self.repository), file, left: left(&node), place: 0 }))
    }
}

fn left(node: &Node) -> u64 {
    node.meta.size
}

/// Reads a file from its pieces, each of which is decrypted and checked.
struct Reader {
    repository: Arc<Rustic<IndexedFullStatus>>,
    file: OpenFile,
    left: u64,
    place: usize,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(PIECE).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = self.repository.read_file_at(&self.file, self.place, most);
        let bytes = read.map_err(|error| io::Error::other(BackupError::Damaged(error.display_log())))?;
        if bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the backups are damaged: a file ends too early"));
        }
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.place += bytes.len();
        self.left -= bytes.len() as u64;
        Ok(bytes.len())
    }
}
