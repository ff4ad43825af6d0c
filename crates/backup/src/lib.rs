//! Encrypted, deduplicated copies in a folder, in the format of restic (<https://restic.readthedocs.io/en/stable/100_references.html>):
//! what this program writes, restic reads, checks and restores, so that nobody needs this program to get their data back.
//!
//! It knows nothing of what is copied: a copy is a list of files, each a path and something to read.

mod folder;
mod keep;
mod read;
mod repository;
mod source;

use std::path::PathBuf;

pub use keep::{Keep, Pruned};
pub use read::Copy;
pub use repository::{Repository, Summary};
pub use source::{Content, File};

/// What goes wrong with copies.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing yet.
    #[error("{} holds no backups yet", .0.display())]
    None(PathBuf),
    /// The folder can't be used.
    #[error("{}: {source}", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The password is not the one that the repository was made with.
    #[error("the password is not that of {}", .0.display())]
    Password(PathBuf),
    /// There is no such copy.
    #[error("there is no backup {0}")]
    NoCopy(String),
    /// Something could not be read while it was copied; no copy was made.
    #[error("{path} could not be read, so that no backup was made: {source}")]
    Read {
        /// What.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Another process changes the repository.
    #[error("another process uses {} now; try again when it has ended", .0.display())]
    InUse(PathBuf),
    /// Something in the repository is not what was written.
    #[error("the backups are damaged: {0}")]
    Damaged(String),
    /// The repository failed.
    #[error("the backups: {0}")]
    Repository(String),
}

impl From<Box<rustic_core::RusticError>> for BackupError {
    fn from(error: Box<rustic_core::RusticError>) -> Self {
        Self::Repository(error.display_log())
    }
}
