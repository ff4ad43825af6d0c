//! The data folder: made for its owner alone, and used by processes that do not get into each other's way.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context, bail};
use nexus_kernel::config::Config;

const LOCK: &str = "nexus.lock";
const OTHER_FOLDER: &str = "stop it or choose another folder with --data";

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct DataFolder {
    _locks: Vec<File>,
    was_empty: bool,
}

impl DataFolder {
    /// Makes the folder where it is missing, and takes it for this process alone.
    pub(crate) fn take(path: &Path) -> anyhow::Result<Self> {
        let (lock, was_empty) = open(path)?;
        // Two processes on one folder would each think that they write alone.
        if lock.try_lock().is_err() {
            bail!("another nexus runs on {}; {OTHER_FOLDER}", path.display());
        }
        Ok(Self { _locks: vec![lock], was_empty })
    }

    /// Makes the folder where it is missing, and shares it with processes that run other services. Where state is on a database
    /// server, with those that run the same services too.
    pub(crate) fn share(config: &Config, services: &[&str]) -> anyhow::Result<Self> {
        let path = &config.data;
        let (lock, was_empty) = open(path)?;
        if lock.try_lock_shared().is_err() {
            bail!("a nexus that runs all services runs on {}; {OTHER_FOLDER}", path.display());
        }
        let mut locks = vec![lock];
        if config.store.postgres.expose().is_empty() {
            for service in services {
                let lock = lock_file(&path.join(format!("nexus-{service}.lock")))?;
                if lock.try_lock().is_err() {
                    bail!(
                        "another nexus runs {service} on {}; {OTHER_FOLDER}, or set store.postgres, where a service can have \
                         several instances",
                        path.display()
                    );
                }
                locks.push(lock);
            }
        }
        Ok(Self { _locks: locks, was_empty })
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

fn open(path: &Path) -> anyhow::Result<(File, bool)> {
    make(path).with_context(|| format!("making the data folder {}; choose another with --data", path.display()))?;
    let was_empty = is_empty(path).with_context(|| format!("reading the data folder {}", path.display()))?;
    Ok((lock_file(&path.join(LOCK))?, was_empty))
}

fn lock_file(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("making {}", path.display()))
}

/// Whether there is nothing in it but locks.
pub(crate) fn is_empty(path: &Path) -> std::io::Result<bool> {
    let mut entries = std::fs::read_dir(path)?;
    Ok(entries.all(|entry| {
        entry.is_ok_and(|entry| Path::new(&entry.file_name()).extension().is_some_and(|end| end == "lock"))
    }))
}
