//! A repository: copies of one installation, or of several.

use std::fs::File as LockFile;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustic_core::jiff::tz::TimeZone;
use rustic_core::jiff::{Timestamp, Zoned};
use rustic_core::repofile::SnapshotFile;
use rustic_core::{
    BackupOptions, CheckOptions, ConfigOptions, Credentials, KeyOptions, ParentOptions, Repository as Rustic,
    RepositoryBackends, RepositoryOptions,
};

use crate::folder::{self, Folder};
use crate::source::Files;
use crate::{BackupError, Copy, File, Keep, Pruned, keep};

/// The folder in a copy that everything is in.
pub(crate) const TOP: &str = "nexus";
/// Held by those who add copies together, and by whoever removes some alone. restic does not look at it.
const LOCK: &str = "nexus.lock";

/// An open repository.
pub struct Repository {
    path: PathBuf,
    backends: RepositoryBackends,
    credentials: Credentials,
    _lock: LockFile,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What is known of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// The moment that it shows, in microseconds since 1970.
    pub taken_at: i64,
    /// Where it was made.
    pub host: String,
    /// How many files it has.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many bytes it added to the repository.
    pub added: u64,
}

/// How the repository is going to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Together,
    Alone,
}

impl Repository {
    /// Opens the repository in a folder, or makes it there.
    pub fn open_or_make(path: &Path, password: &str) -> Result<Self, BackupError> {
        folder::make(path).map_err(|source| BackupError::Folder { path: path.to_owned(), source })?;
        if !path.join("config").is_file() {
            let opened = Self::prepare(path, password, Use::Alone)?;
            // Somebody else may have been faster.
            if !path.join("config").is_file() {
                opened.raw()?.init(&opened.credentials, &KeyOptions::default(), &ConfigOptions::default())?;
            }
        }
        Self::open(path, password)
    }

    /// Opens the repository in a folder.
    pub fn open(path: &Path, password: &str) -> Result<Self, BackupError> {
        Self::open_for(path, password, Use::Together)
    }

    /// Opens it when nobody else uses it, to remove copies.
    pub fn open_alone(path: &Path, password: &str) -> Result<Self, BackupError> {
        let opened = Self::open_for(path, password, Use::Alone)?;
        Folder::new(path).tidy().map_err(|source| BackupError::Folder { path: path.to_owned(), source })?;
        Ok(opened)
    }

    fn open_for(path: &Path, password: &str, way: Use) -> Result<Self, BackupError> {
        if !path.join("config").is_file() {
            return Err(BackupError::None(path.to_owned()));
        }
        let opened = Self::prepare(path, password, way)?;
        opened.repository()?;
        Ok(opened)
    }

    fn prepare(path: &Path, password: &str, way: Use) -> Result<Self, BackupError> {
        let failed = |source| BackupError::Folder { path: path.to_owned(), source };
        let lock =
            LockFile::options().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(failed)?;
        let locked = match way {
            Use::Together => lock.try_lock_shared(),
            Use::Alone => lock.try_lock(),
        };
        locked.map_err(|_| BackupError::InUse(path.to_owned()))?;
        Ok(Self {
            path: path.to_owned(),
            backends: RepositoryBackends::new(Arc::new(Folder::new(path)), None),
            credentials: Credentials::password(password),
            _lock: lock,
        })
    }

    fn raw(&self) -> Result<Rustic<()>, BackupError> {
        let options = RepositoryOptions::default().no_cache(true);
        Ok(Rustic::new(&options, &self.backends)?)
    }

    pub(crate) fn repository(&self) -> Result<Rustic<rustic_core::OpenStatus>, BackupError> {
        self.raw()?.open(&self.credentials).map_err(|error| {
            if error.is_incorrect_password() { BackupError::Password(self.path.clone()) } else { error.into() }
        })
    }

    /// The copies, oldest first.
    pub fn list(&self) -> Result<Vec<Summary>, BackupError> {
        let mut copies: Vec<_> = self.repository()?.get_all_snapshots()?.iter().map(summary).collect();
        copies.sort_by(|a, b| a.taken_at.cmp(&b.taken_at).then_with(|| a.id.cmp(&b.id)));
        Ok(copies)
    }

    /// Adds a copy. Content that the repository has already is not stored again, and files that are as they were in the copy
    /// `before` are not read.
    pub fn store(
        &self,
        files: Vec<File>,
        taken_at: i64,
        host: &str,
        before: Option<&str>,
    ) -> Result<Summary, BackupError> {
        let repository = self.repository()?.to_indexed_ids()?;
        let snapshot = SnapshotFile {
            time: Zoned::new(moment(taken_at)?, TimeZone::UTC),
            program_version: format!("nexus {}", env!("CARGO_PKG_VERSION")),
            hostname: host.to_owned(),
            ..SnapshotFile::default()
        };
        let parents: Vec<String> = before.map(str::to_owned).into_iter().collect();
        let parent = ParentOptions::default().force(parents.is_empty()).parents(parents);
        let options = BackupOptions::default().no_scan(true).parent_opts(parent);
        let files = Files::new(files);
        let made = repository.archive(&options, &files, snapshot, &[PathBuf::from(format!("/{TOP}"))])?;
        if let Some(failure) = files.failure() {
            // The archiver has made the copy all the same.
            repository.delete_snapshots(&[made.id])?;
            return Err(failure);
        }
        Ok(summary(&made))
    }

    /// A copy, to read from.
    pub fn copy(&self, id: &str) -> Result<Copy, BackupError> {
        Copy::open(self.repository()?, id)
    }

    /// Reads everything that the repository has and compares it with its checksums; how many copies there are.
    pub fn verify(&self) -> Result<usize, BackupError> {
        let repository = self.repository()?;
        let copies = repository.get_all_snapshots()?.len();
        let found = repository.check(CheckOptions::default().read_data(true))?;
        if found.is_ok().is_err() {
            let words: Vec<_> = found.0.iter().map(|(_, finding)| finding.to_string()).collect();
            return Err(BackupError::Damaged(words.join("; ")));
        }
        Ok(copies)
    }

    /// Removes copies but for those to keep, and what only they had. Opened for this with [`Self::open_alone`].
    pub fn prune(&self, keep: &Keep, now: i64) -> Result<Pruned, BackupError> {
        keep::prune(&self.repository()?, keep, moment(now)?)
    }
}

/// Microseconds since 1970 as a moment.
fn moment(micros: i64) -> Result<Timestamp, BackupError> {
    Timestamp::from_microsecond(micros).map_err(|error| BackupError::Repository(error.to_string()))
}

fn summary(snapshot: &SnapshotFile) -> Summary {
    let counted = snapshot.summary.clone().unwrap_or_default();
    Summary {
        id: snapshot.id.to_hex().as_str()[..8].to_owned(),
        taken_at: snapshot.time.timestamp().as_microsecond(),
        host: snapshot.hostname.clone(),
        files: counted.total_files_processed,
        bytes: counted.total_bytes_processed,
        added: counted.data_added_packed,
    }
}
