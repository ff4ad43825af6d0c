//! An installation at one moment, ready to be copied while it goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::TryStreamExt;
use nexus_backup::Content;
use nexus_kernel::blobs::Blobs;
use nexus_kernel::config::Config;
use nexus_kernel::store::snapshot::{Snapshot, Source};
use nexus_kernel::{Clock, Timestamp, runtime};

use super::content::{self, Ending, Sums};
use super::links;
use super::manifest::{FileState, Manifest};
use super::workspace::Workspace;
use super::{BLOBS, DATA, FILES, MANIFEST, tables};
use crate::compose;

/// Services whose private folders hold nothing but what they make again.
const SCRATCH: [&str; 2] = ["streamcore", "demo"];
/// Where blobs are that still grow: uploads that are not finished.
const GROWING: &str = "incoming/";

/// A file of an archive.
pub(crate) struct Piece {
    /// Where it is in the archive.
    pub(crate) path: String,
    /// How many bytes it has.
    pub(crate) size: u64,
    /// When it was changed last, in microseconds since 1970.
    pub(crate) changed_at: i64,
    /// Reads it.
    pub(crate) content: Content,
}

/// An installation at one moment. Its pieces can be read until this is dropped, the manifest last.
pub(crate) struct Capture {
    /// What it has; the checksums of files become known as they are read.
    pub(crate) manifest: Manifest,
    /// How long nobody could write.
    pub(crate) held: Duration,
    pieces: Vec<Piece>,
    places: Places,
}

/// Where the files are kept that are copied.
struct Places {
    /// Tables' files, and second names of what services keep beside their tables.
    own: Workspace,
    /// Second names of blobs; `None` where blobs have no names on this machine.
    blobs: Option<Workspace>,
}

impl Capture {
    /// Takes it. What is as it was in the archive `before` keeps the checksum that it has there.
    pub(crate) async fn take(config: &Config, clock: &Clock, before: Option<&Manifest>) -> anyhow::Result<Self> {
        let blobs = Blobs::open(&config.blobs, &config.data)?;
        let places = Places::make(config, &blobs)?;
        // Nearly all files get their second names here, so that the moment's own pass is short.
        places.link(config, &blobs)?;
        let taken_at = clock.now();
        let services = compose::names().into_iter();
        let sources = services.map(|name| Source { service: name.to_owned(), store: runtime::store_of(config, name) });
        let snapshot = Snapshot::take(sources.collect()).await?;
        places.link(config, &blobs)?;
        ensure!(snapshot.services().next().is_some(), "no service has any state here; check --data, or store.postgres");

        let mut capture = Self { manifest: Manifest::new(taken_at), held: snapshot.held(), pieces: Vec::new(), places };
        capture.add_tables(&snapshot).await?;
        drop(snapshot);
        capture.add_files(&blobs, before).await?;
        Ok(capture)
    }

    /// The files of the archive, the manifest last.
    pub(crate) fn pieces(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.pieces)
    }

    async fn add_tables(&mut self, snapshot: &Snapshot) -> anyhow::Result<()> {
        let folder = self.places.own.path().join(DATA);
        self.manifest.services = tables::spool(snapshot, &folder).await?;
        let mut found = Vec::new();
        links::walk(&folder, &mut found)?;
        for (path, size, _) in found {
            let content = content::local(folder.join(&path), Ending::Fixed);
            let changed_at = self.manifest.taken_at.as_micros();
            self.pieces.push(Piece { path: format!("{DATA}/{path}"), size, changed_at, content });
        }
        Ok(())
    }

    async fn add_files(&mut self, blobs: &Blobs, before: Option<&Manifest>) -> anyhow::Result<()> {
        let taken_at = self.manifest.taken_at;
        let sums = Arc::new(Sums::default());
        let mut parts = Parts { sums: Arc::clone(&sums), taken_at, pieces: &mut self.pieces, files: BTreeMap::new() };
        let kept = self.places.own.path().join(FILES);
        let mut found = Vec::new();
        links::walk(&kept, &mut found)?;
        for (path, size, _) in found {
            let content = content::local(kept.join(&path), Ending::Open);
            parts.add(FILES, path, size, None, content);
        }
        self.manifest.files = std::mem::take(&mut parts.files);

        let known = before.map(|before| &before.blobs);
        match &self.places.blobs {
            Some(links) => parts.add_linked(links.path(), known)?,
            None => parts.add_listed(blobs).await?,
        }
        self.manifest.blobs = parts.files;

        let size = self.manifest.bytes()?.len() as u64;
        let content = content::manifest(self.manifest.clone(), sums);
        self.pieces.push(Piece { path: MANIFEST.to_owned(), size, changed_at: taken_at.as_micros(), content });
        Ok(())
    }
}

impl Places {
    fn make(config: &Config, blobs: &Blobs) -> anyhow::Result<Self> {
        let own =
            Workspace::make(&config.data).with_context(|| format!("making a folder in {}", config.data.display()))?;
        let blobs = match root(blobs) {
            Some(root) => {
                Some(Workspace::make(&root).with_context(|| format!("making a folder in {}", root.display()))?)
            }
            None => None,
        };
        Ok(Self { own, blobs })
    }

    /// Gives files their second names. What services keep beside their tables comes first: it may become a blob, and no blob
    /// becomes such a file.
    fn link(&self, config: &Config, blobs: &Blobs) -> anyhow::Result<()> {
        let (work, kept) = (config.data.join("work"), self.own.path().join(FILES));
        for name in compose::names().into_iter().filter(|name| !SCRATCH.contains(name)) {
            links::link(&work.join(name), &kept.join(name)).with_context(|| format!("linking the files of {name}"))?;
        }
        if let (Some(place), Some(root)) = (&self.blobs, root(blobs)) {
            links::link(&root, place.path()).context("linking the blobs")?;
        }
        Ok(())
    }
}

/// The folder of the blobs, where it is on this machine.
fn root(blobs: &Blobs) -> Option<PathBuf> {
    blobs.local_path("any").and_then(|path| path.parent().map(Path::to_owned))
}

/// Pieces that have checksums.
struct Parts<'a> {
    sums: Arc<Sums>,
    taken_at: Timestamp,
    pieces: &'a mut Vec<Piece>,
    files: BTreeMap<String, FileState>,
}

impl Parts<'_> {
    /// Adds a file. One without a time is read every time.
    fn add(&mut self, folder: &str, path: String, size: u64, changed_at: Option<i64>, content: Content) {
        let place = format!("{folder}/{path}");
        let changed_at = changed_at.unwrap_or(self.taken_at.as_micros());
        let content = content::summed(place.clone(), size, content, Arc::clone(&self.sums));
        self.pieces.push(Piece { path: place, size, changed_at, content });
        self.files.insert(path, FileState::unread(size, changed_at));
    }

    fn add_linked(&mut self, folder: &Path, known: Option<&BTreeMap<String, FileState>>) -> anyhow::Result<()> {
        let mut found = Vec::new();
        links::walk(folder, &mut found)?;
        for (key, size, changed_at) in found {
            let growing = key.starts_with(GROWING);
            let ending = if growing { Ending::Open } else { Ending::Fixed };
            let content = content::local(folder.join(&key), ending);
            let before = known.and_then(|known| known.get(&key)).filter(|_| !growing);
            if let Some(before) = before.filter(|file| file.size == size && file.changed_at == changed_at) {
                self.sums.put(&format!("{BLOBS}/{key}"), before.sha256.clone());
            }
            self.add(BLOBS, key, size, Some(changed_at).filter(|_| !growing), content);
        }
        Ok(())
    }

    async fn add_listed(&mut self, blobs: &Blobs) -> anyhow::Result<()> {
        let mut all = blobs.all();
        while let Some((key, size)) = all.try_next().await? {
            let content = content::blob(blobs.clone(), key.clone());
            self.add(BLOBS, key, size, None, content);
        }
        Ok(())
    }
}
