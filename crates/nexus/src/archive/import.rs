//! From an archive into an empty installation.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use nexus_kernel::blobs::{Blobs, hex};
use nexus_kernel::config::Config;
use nexus_kernel::store::dump::Loader;
use nexus_kernel::store::snapshot::{Snapshot, Source};
use nexus_kernel::{Clock, Service, runtime};
use sha2::{Digest, Sha256};

use super::manifest::{FileState, Manifest, ServiceState};
use super::{Archive, BLOBS, DATA, FILES, tables};
use crate::{compose, folder};

/// Where SQLite's files are made until all are whole.
const UNFINISHED: &str = "state.unfinished";
/// How many blobs are on their way at once.
const TOGETHER: usize = 4;
/// How much of one is read at once, in bytes.
const PIECE: usize = 256 << 10;

/// What was imported.
pub(crate) struct Imported {
    /// What the archive has, all of which is there now.
    pub(crate) manifest: Manifest,
}

/// Imports an archive. Files come first and tables last, so that an import that is interrupted leaves no state behind that a
/// system could start on.
pub(crate) async fn import(config: &Config, clock: &Clock, archive: Arc<dyn Archive>) -> anyhow::Result<Imported> {
    let reading = Arc::clone(&archive);
    let manifest = tokio::task::spawn_blocking(move || Manifest::read(&*reading)).await??;
    let services = known(&manifest)?;
    let blobs = Blobs::open(&config.blobs, &config.data)?;
    check_empty(config, &blobs, &manifest).await?;

    copy_blobs(&blobs, &manifest.blobs, &archive).await?;
    for (path, file) in &manifest.files {
        let (archive, place, from, file) =
            (Arc::clone(&archive), config.data.join("work").join(path), format!("{FILES}/{path}"), file.clone());
        ensure!(is_below(path), "{from} leads out of the archive");
        tokio::task::spawn_blocking(move || copy_file(&*archive, &from, &file, &place)).await??;
    }
    let target = unfinished(config)?;
    for service in &services {
        let state = &manifest.services[service.name()];
        copy_tables(&target, clock, service, state, &archive).await.with_context(|| undo(config))?;
    }
    put_in_place(config, &target)?;
    for service in &compose::services() {
        runtime::open_current(config, clock, service).await?.close().await;
    }
    Ok(Imported { manifest })
}

/// The services of the archive; all must be of this build.
fn known(manifest: &Manifest) -> anyhow::Result<Vec<Service>> {
    let names = compose::names();
    if let Some(other) = manifest.services.keys().find(|name| !names.contains(&name.as_str())) {
        bail!("the archive has the state of {other}, which this build has not; nexus {} wrote it", manifest.program);
    }
    let of_archive = compose::services().into_iter().filter(|service| manifest.services.contains_key(service.name()));
    Ok(of_archive.collect())
}

/// Nothing may be there that would be mixed with what comes.
async fn check_empty(config: &Config, blobs: &Blobs, manifest: &Manifest) -> anyhow::Result<()> {
    let names = compose::names().into_iter();
    let sources =
        names.map(|name| Source { service: name.to_owned(), store: runtime::store_of(config, name) }).collect();
    let there = Snapshot::take(sources).await?;
    if let Some(service) = there.services().next() {
        bail!("this installation is not empty: {service} has state here, and nothing was changed. {}", way_out(config));
    }
    let mut all = blobs.all();
    while let Some((key, _)) = all.try_next().await? {
        // One that the archive has too is what an import left that was interrupted.
        if !key.starts_with('.') && !manifest.blobs.contains_key(&key) {
            bail!(
                "this installation is not empty: there is a blob {key}, and nothing was changed. {}",
                way_out(config)
            );
        }
    }
    Ok(())
}

fn way_out(config: &Config) -> String {
    if config.store.postgres.expose().is_empty() {
        "Choose an empty folder with --data".to_owned()
    } else {
        "Choose a new database for store.postgres, and an empty place for blobs.url".to_owned()
    }
}

fn undo(config: &Config) -> String {
    if config.store.postgres.expose().is_empty() {
        "nothing of its tables was kept".to_owned()
    } else {
        "the import is not complete: make the database anew, and import again".to_owned()
    }
}

async fn copy_blobs(
    blobs: &Blobs,
    all: &BTreeMap<String, FileState>,
    archive: &Arc<dyn Archive>,
) -> anyhow::Result<()> {
    let copies = all.iter().map(|(key, file)| async move {
        let (archive, path) = (Arc::clone(archive), format!("{BLOBS}/{key}"));
        let reader = tokio::task::spawn_blocking(move || archive.open(&path)).await??;
        let content = Box::pin(stream(reader));
        let stored = blobs.put_sized(key, content, Some(file.size), Some(&file.sha256)).await;
        let stored = stored.with_context(|| format!("the blob {key}"))?;
        ensure!(stored.size == file.size, "the blob {key} has {} bytes and not {}", stored.size, file.size);
        Ok(())
    });
    futures::stream::iter(copies).buffer_unordered(TOGETHER).try_collect().await
}

/// A reader's bytes; reading waits on threads that may.
fn stream(reader: Box<dyn Read + Send>) -> impl futures::Stream<Item = io::Result<Bytes>> + Send {
    futures::stream::try_unfold(reader, |mut reader| async move {
        let read = move || {
            let mut piece = Vec::with_capacity(PIECE);
            (&mut reader).take(PIECE as u64).read_to_end(&mut piece)?;
            Ok::<_, io::Error>((piece, reader))
        };
        let (piece, reader) = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        Ok(if piece.is_empty() { None } else { Some((Bytes::from(piece), reader)) })
    })
}

fn is_below(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

fn copy_file(archive: &dyn Archive, from: &str, file: &FileState, place: &Path) -> anyhow::Result<()> {
    if let Some(above) = place.parent() {
        folder::make(above)?;
    }
    let mut bytes = archive.open(from)?;
    let mut out = File::create(place).with_context(|| format!("making {}", place.display()))?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; PIECE]);
    loop {
        let count = bytes.read(&mut buffer).with_context(|| format!("reading {from}"))?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
        out.write_all(&buffer[..count])?;
    }
    out.sync_all()?;
    let found = hex(&digest.finalize());
    ensure!(found == file.sha256, "{from} has the SHA-256 {found} and not {}", file.sha256);
    Ok(())
}

/// The same configuration, with SQLite's files at a place where nobody looks for them.
fn unfinished(config: &Config) -> anyhow::Result<Config> {
    let mut target = config.clone();
    if config.store.postgres.expose().is_empty() {
        target.data = config.data.join(UNFINISHED);
        if target.data.exists() {
            fs::remove_dir_all(&target.data)?;
        }
        folder::make(&target.data)?;
    }
    Ok(target)
}

fn put_in_place(config: &Config, target: &Config) -> anyhow::Result<()> {
    if config.store.postgres.expose().is_empty() {
        let state = config.data.join("state");
        if state.exists() {
            fs::remove_dir(&state).with_context(|| format!("{} is not empty", state.display()))?;
        }
        fs::rename(target.data.join("state"), &state)?;
        fs::remove_dir_all(&target.data)?;
        File::open(&config.data)?.sync_all()?;
    }
    Ok(())
}

async fn copy_tables(
    config: &Config,
    clock: &Clock,
    service: &Service,
    state: &ServiceState,
    archive: &Arc<dyn Archive>,
) -> anyhow::Result<()> {
    let name = service.name();
    let store = runtime::open_as(config, clock, service, &state.schema).await?;
    let source = || vec![Source { service: name.to_owned(), store: runtime::store_of(config, name) }];
    let there = Snapshot::take(source()).await?.tables(name).await?;
    let mut loader = Loader::begin(&store, name, there).await?;
    for (table, total) in &state.tables {
        let (archive, path) = (Arc::clone(archive), format!("{DATA}/{}", tables::path(name, table)));
        let file = tokio::task::spawn_blocking(move || archive.open(&path)).await??;
        let written = loader.load(table, &mut BufReader::with_capacity(PIECE, file)).await?;
        ensure!(written == *total, "the table {table} of {name} is not the one that the archive's manifest names");
    }
    loader.commit().await?;
    // What counts is what the database gives back.
    let found = tables::totals(&Snapshot::take(source()).await?, name).await?;
    store.close().await;
    for (table, total) in &state.tables {
        match found.get(table) {
            Some(found) if found == total => {}
            found => bail!("the table {table} of {name} was loaded as {total:?} and reads back as {found:?}"),
        }
    }
    ensure!(found.len() == state.tables.len(), "{name} has tables here that the archive has not");
    Ok(())
}
