//! A whole installation as files: every service's tables, the blobs, and what services keep beside them (docs/operations/backup.md).
//!
//! `nexus export` and `nexus backup` write the same files, the one into a folder, the other into a repository; `nexus import` and
//! `nexus restore` read them. `nexus.json` comes last, and says what must be there.

mod capture;
mod content;
mod folder;
mod import;
mod links;
mod manifest;
mod tables;
mod workspace;

use std::io::Read;

pub(crate) use capture::{Capture, Piece};
pub(crate) use folder::{Folder, write};
pub(crate) use import::import;
pub(crate) use manifest::Manifest;

/// The file that says what must be there.
pub(crate) const MANIFEST: &str = "nexus.json";
/// The folder of the blobs.
const BLOBS: &str = "blobs";
/// The folder of the tables' files.
const DATA: &str = "data";
/// The folder of what services keep beside their tables and blobs.
const FILES: &str = "files";

/// Where an installation's files are read from.
pub(crate) trait Archive: Send + Sync {
    /// Opens one.
    fn open(&self, path: &str) -> anyhow::Result<Box<dyn Read + Send>>;
}

impl Archive for nexus_backup::Copy {
    fn open(&self, path: &str) -> anyhow::Result<Box<dyn Read + Send>> {
        Ok(self.file(path)?)
    }
}
