//! The folder that a repository is in: a file is there whole and durable, or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustic_core::{
    ALL_FILE_TYPES, BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend,
};
use uuid::Uuid;

/// What unfinished files end with. Their names are no ids, so that nobody takes them for parts of the repository.
const UNFINISHED: &str = ".part";

/// A folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn place(&self, kind: FileType, id: &Id) -> PathBuf {
        let name = id.to_hex();
        match kind {
            FileType::Config => self.root.join("config"),
            // restic puts packs into 256 folders by the first two signs of their names.
            FileType::Pack => self.root.join(kind.dirname()).join(&name.as_str()[..2]).join(name.as_str()),
            _ => self.root.join(kind.dirname()).join(name.as_str()),
        }
    }

    /// Removes what a killed process had not finished.
    pub(crate) fn tidy(&self) -> io::Result<()> {
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }

    fn write(&self, kind: FileType, id: &Id, content: BytesList) -> io::Result<()> {
        let place = self.place(kind, id);
        let folder = place.parent().unwrap_or(&self.root);
        make(folder)?;
        let unfinished = folder.join(format!("{}{UNFINISHED}", Uuid::now_v7()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        let written =
            content.into_vec().iter().try_for_each(|bytes| file.write_all(bytes)).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // The error of the write is the one to tell.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        fs::rename(&unfinished, &place)?;
        File::open(folder)?.sync_all()
    }

    fn entries(folder: &Path, found: &mut Vec<(Id, u32)>) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                Self::entries(&entry.path(), found)?;
            } else if let Ok(id) = entry.file_name().to_string_lossy().parse::<Id>() {
                found.push((id, u32::try_from(entry.metadata()?.len()).unwrap_or(u32::MAX)));
            }
        }
        Ok(())
    }
}

/// Makes a folder that no other user of the machine can look into.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

impl ReadBackend for Folder {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        if kind == FileType::Config {
            let config = fs::metadata(self.place(kind, &Id::default()));
            let size = config.map(|config| u32::try_from(config.len()).unwrap_or(u32::MAX));
            return Ok(size.map(|size| (Id::default(), size)).into_iter().collect());
        }
        let folder = self.root.join(kind.dirname());
        let mut found = Vec::new();
        Self::entries(&folder, &mut found).map_err(|error| failed(&folder, error))?;
        Ok(found)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let place = self.place(kind, id);
        fs::read(&place).map(Bytes::from).map_err(|error| failed(&place, error))
    }

    fn read_partial(&self, kind: FileType, id: &Id, _: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        let place = self.place(kind, id);
        let read = || {
            let mut file = File::open(&place)?;
            file.seek(SeekFrom::Start(offset.into()))?;
            let mut bytes = vec![0; length as usize];
            file.read_exact(&mut bytes)?;
            Ok(Bytes::from(bytes))
        };
        read().map_err(|error| failed(&place, error))
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.place(kind, id).display().to_string()
    }
}

impl WriteBackend for Folder {
    fn create(&self) -> RusticResult<()> {
        let folders = ALL_FILE_TYPES.iter().map(|kind| kind.dirname()).chain(["locks"]);
        let made = folders.map(|name| self.root.join(name)).try_for_each(|folder| make(&folder));
        made.map_err(|error| failed(&self.root, error))
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _: bool, content: BytesList) -> RusticResult<()> {
        self.write(kind, id, content).map_err(|error| failed(&self.place(kind, id), error))
    }

    fn remove(&self, kind: FileType, id: &Id, _: bool) -> RusticResult<()> {
        let place = self.place(kind, id);
        fs::remove_file(&place).map_err(|error| failed(&place, error))
    }
}

fn failed(place: &Path, error: io::Error) -> Box<RusticError> {
    RusticError::with_source(ErrorKind::Backend, "`{path}` can't be used", error)
        .attach_context("path", place.display().to_string())
}
