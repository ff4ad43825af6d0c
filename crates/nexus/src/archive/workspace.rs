//! A folder for what is needed while a copy is made. It goes with the copy, and what a killed process left goes with the next.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Where they are. No blob's key may begin like this, so that it can be among blobs.
const NAME: &str = ".nexus-copies";

/// The folder of one copy.
#[derive(Debug)]
pub(crate) struct Workspace {
    folder: PathBuf,
    lock: PathBuf,
    _held: File,
}

impl Workspace {
    /// Makes one below a folder, for this user alone.
    pub(crate) fn make(parent: &Path) -> io::Result<Self> {
        let all = parent.join(NAME);
        DirBuilder::new().recursive(true).mode(0o700).create(&all)?;
        tidy(&all)?;
        let id = Uuid::now_v7().to_string();
        let lock = all.join(format!("{id}.lock"));
        let held = File::create_new(&lock)?;
        held.try_lock()?;
        let folder = all.join(id);
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self { folder, lock, _held: held })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let gone = fs::remove_dir_all(&self.folder).and_then(|()| fs::remove_file(&self.lock));
        if let Err(error) = gone {
            tracing::warn!(folder = %self.folder.display(), %error, "could not be removed; the next copy removes it");
        }
        // It stays where others have theirs.
        let _ = self.lock.parent().map(fs::remove_dir);
    }
}

/// Removes what nobody holds any more.
fn tidy(all: &Path) -> io::Result<()> {
    for entry in fs::read_dir(all)? {
        let lock = entry?.path();
        if lock.extension().is_none_or(|end| end != "lock") {
            continue;
        }
        let Ok(file) = File::open(&lock) else { continue };
        if file.try_lock().is_ok() {
            let folder = lock.with_extension("");
            if folder.is_dir() {
                fs::remove_dir_all(&folder)?;
            }
            fs::remove_file(&lock)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_goes_with_the_next_and_what_is_held_stays() {
        let parent = tempfile::tempdir().unwrap();
        let all = parent.path().join(NAME);
        fs::create_dir_all(all.join("left/inner")).unwrap();
        fs::write(all.join("left.lock"), "").unwrap();
        let held = Workspace::make(parent.path()).unwrap();
        assert!(!all.join("left").exists() && !all.join("left.lock").exists());
        let other = Workspace::make(parent.path()).unwrap();
        assert!(held.path().is_dir() && other.path().is_dir());
        drop((held, other));
        assert!(!all.exists());
    }
}
