//! `nexus backup`: a whole installation into a repository, while it runs.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use nexus_backup::{BackupError, File, Keep, Repository, Summary};
use nexus_kernel::config::{Config, SealKind};
use nexus_kernel::{Clock, Timestamp, telemetry};

use crate::archive::{Capture, Manifest, Piece};
use crate::cli::BackupAction;

/// How often a copy is begun when blobs of a bucket go while they are copied.
const ATTEMPTS: u32 = 5;

pub(super) fn run(config: &Config, action: &BackupAction) -> anyhow::Result<ExitCode> {
    let _telemetry = telemetry::install(&config.telemetry)?;
    if action.list {
        return super::print(&table(&open(config)?.list()?)?);
    }
    if action.verify {
        let copies = open(config)?.verify()?;
        return super::print(&format!("{copies} backups are whole: every byte was read and compared\n"));
    }
    if action.prune {
        return prune(config, action.keep());
    }
    make(config)
}

fn make(config: &Config) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    super::runtime()?.block_on(again_if_a_blob_went(async || {
        let (config, clock) = (config.clone(), clock.clone());
        let runtime = tokio::runtime::Handle::current();
        // Encryption and the repository's files wait on threads of their own.
        tokio::task::spawn_blocking(move || make_now(&config, &clock, &runtime)).await?
    }))
}

fn make_now(config: &Config, clock: &Clock, runtime: &tokio::runtime::Handle) -> anyhow::Result<ExitCode> {
    let (repository, host) = (open_or_make(config)?, host());
    let before = repository.list()?.into_iter().rev().find(|copy| copy.host == host);
    let known = before.as_ref().and_then(|before| {
        let manifest = repository.copy(&before.id).map_err(anyhow::Error::from).and_then(|copy| Manifest::read(&copy));
        manifest
            .inspect_err(|error| tracing::warn!(%error, "the last backup can't be read: every file is read again"))
            .ok()
    });
    let mut capture = runtime.block_on(Capture::take(config, clock, known.as_ref()))?;
    let files = capture.pieces().into_iter().map(file).collect();
    let parent = before.filter(|_| known.is_some()).map(|before| before.id);
    let made = repository.store(files, capture.manifest.taken_at.as_micros(), &host, parent.as_deref())?;
    super::print(&format!(
        "Backup {} of {}: {}; {} bytes are new\n{}",
        made.id,
        capture.manifest.taken_at,
        told(&capture.manifest, capture.held),
        made.added,
        apart(config)
    ))
}

/// What no backup holds, where it is in the data folder and would be lost with it.
fn apart(config: &Config) -> &'static str {
    if config.keys.seal == SealKind::File && config.keys.file.as_os_str().is_empty() {
        "keys/master.key is not in it: keep a copy apart, as nobody can sign in to a restored system without it\n"
    } else {
        ""
    }
}

fn file(piece: Piece) -> File {
    File { path: piece.path, size: piece.size, changed_at: piece.changed_at, content: piece.content }
}

/// What a copy has, in words.
pub(super) fn told(manifest: &Manifest, held: Duration) -> String {
    let (tables, rows) = manifest.counts();
    let (files, bytes) = manifest.file_counts();
    let waited = if held.is_zero() {
        "nobody waited".to_owned()
    } else {
        format!("writers waited {:.1} ms", held.as_secs_f64() * 1_000.0)
    };
    format!("{tables} tables with {rows} rows, {files} files with {bytes} bytes; {waited}")
}

/// Runs it again when a blob went while it was copied: the copy would not be of one moment. In a folder that can't happen.
pub(super) async fn again_if_a_blob_went(
    mut copy: impl AsyncFnMut() -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    for _ in 1..ATTEMPTS {
        match copy().await {
            Err(error) if went(&error) => tracing::warn!("{error:#}; beginning again with a new moment"),
            other => return other,
        }
    }
    copy().await
}

fn went(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let read = match cause.downcast_ref::<BackupError>() {
            Some(BackupError::Read { source, .. }) => Some(source),
            _ => cause.downcast_ref::<std::io::Error>(),
        };
        read.is_some_and(|error| {
            error.kind() == std::io::ErrorKind::NotFound && error.to_string().starts_with("no blob at")
        })
    })
}

fn prune(config: &Config, keep: Keep) -> anyhow::Result<ExitCode> {
    if keep.is_empty() {
        bail!("say what stays, as in `nexus backup --prune --keep-last 7 --keep-weekly 8`");
    }
    let (path, password) = settings(config)?;
    let pruned = Repository::open_alone(path, password)?.prune(&keep, Clock::system().now().as_micros())?;
    super::print(&format!("{} backups stay, {} went\n", pruned.kept, pruned.removed))
}

/// The repository, which must be there.
pub(super) fn open(config: &Config) -> anyhow::Result<Repository> {
    let (path, password) = settings(config)?;
    Ok(Repository::open(path, password)?)
}

fn open_or_make(config: &Config) -> anyhow::Result<Repository> {
    let (path, password) = settings(config)?;
    Ok(Repository::open_or_make(path, password)?)
}

fn settings(config: &Config) -> anyhow::Result<(&std::path::Path, &str)> {
    let (path, password) = (&config.backup.repository, config.backup.password.expose());
    if path.as_os_str().is_empty() {
        bail!("backup.repository is not set: the folder for backups, best on another disk or machine");
    }
    if password.is_empty() {
        bail!(
            "backup.password is not set: it encrypts the backups, and without it they can't be read; keep it elsewhere too"
        );
    }
    Ok((path, password))
}

/// The machine's name: a backup builds upon the last of the same machine.
fn host() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "nexus".to_owned())
}

fn table(copies: &[Summary]) -> anyhow::Result<String> {
    let mut text =
        format!("{:<10} {:<28} {:<20} {:>8} {:>16} {:>16}\n", "ID", "TAKEN AT", "HOST", "FILES", "BYTES", "ADDED");
    for copy in copies {
        let taken_at = Timestamp::from_micros(copy.taken_at).to_string();
        writeln!(
            text,
            "{:<10} {taken_at:<28} {:<20} {:>8} {:>16} {:>16}",
            copy.id, copy.host, copy.files, copy.bytes, copy.added
        )?;
    }
    Ok(text)
}
