//! The data folder: made for its owner alone, and used by one process at a time.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context, bail};

const LOCK: &str = "nexus.lock";

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct DataFolder {
    _lock: File,
    was_empty: bool,
}

impl DataFolder {
    /// Makes the folder where it is missing, and takes it.
    pub(crate) fn take(path: &Path) -> anyhow::Result<Self> {
        make(path).with_context(|| format!("making the data folder {}; choose another with --data", path.display()))?;
        let was_empty = is_empty(path).with_context(|| format!("reading the data folder {}", path.display()))?;
        let file = path.join(LOCK);
        let lock = File::create(&file).with_context(|| format!("making {}", file.display()))?;
        // Two processes on one folder would each think that they write alone.
        if lock.try_lock().is_err() {
            bail!("another nexus runs on {}; stop it or choose another folder with --data", path.display());
        }
        Ok(Self { _lock: lock, was_empty })
    }

    /// Whether nothing was in it before.
    pub(crate) fn was_empty(&self) -> bool {
        self.was_empty
    }
}

/// Makes the folder, where it is missing, so that no other user of the machine can look into it.
pub(crate) fn make(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn is_empty(path: &Path) -> std::io::Result<bool> {
    let mut entries = std::fs::read_dir(path)?;
    Ok(entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK)))
}
