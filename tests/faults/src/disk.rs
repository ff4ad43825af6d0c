//! A disk that can be filled: a file system in memory, mounted for one folder.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::program::{Program, is_root};

/// A small disk.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one of so many MiB; the error says why that can't be.
    pub async fn mount(folder: &Path, mebibytes: usize) -> Result<Self, String> {
        if !is_root() {
            return Err("only root may mount a small disk".to_owned());
        }
        std::fs::create_dir_all(folder).expect("the suite's folder can be written");
        let size = format!("size={mebibytes}m");
        let mount = Program::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).args([folder]);
        let output = mount.output().await;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Leaves no room.
    pub fn fill(&self) {
        let mut file = File::create(self.ballast()).expect("the disk takes one more file");
        for size in [1 << 20, 4 << 10, 1] {
            let block = vec![0; size];
            loop {
                match file.write_all(&block) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("filling the disk: {error}"),
                }
            }
        }
    }

    /// Makes room again.
    pub fn free(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast can be removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever still has files open there is about to end.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
