//! Processes of a supervisor that was killed. They notice its end and stop by themselves, but while one is there, no other may
//! take its place: on SQLite two would write to one file for long.
//!
//! Each process keeps a file locked that is named after its id, from before it does anything until its end. So a file that can
//! be locked belongs to nobody, whatever runs under that number today, and one that can't be names a process that lives: no
//! clock, and no number that was used again, can deceive.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

/// How long leftovers may take to end by themselves.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long the system may take to end one that was killed.
const LAST: Duration = Duration::from_secs(10);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(50);

fn folder(run: &Path) -> PathBuf {
    run.join("processes")
}

/// Says that this process lives, for as long as the file is open.
pub(super) fn sign_in(run: &Path) -> std::io::Result<File> {
    let folder = folder(run);
    crate::folder::make(&folder)?;
    let path = folder.join(std::process::id().to_string());
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.try_lock()?;
    Ok(file)
}

/// Waits until the processes of an earlier supervisor have ended, and ends those that do not; how many there were.
pub(super) async fn end(run: &Path) -> anyhow::Result<usize> {
    let folder = folder(run);
    crate::folder::make(&folder).with_context(|| format!("making {}", folder.display()))?;
    let found = living(&folder)?;
    for pid in &found {
        // It notices by itself that its supervisor is gone; to be asked as well would cut its requests off.
        tracing::warn!(pid = pid.as_raw(), "a process of an earlier supervisor still runs; waiting for its end");
    }
    if !gone_within(&folder, PATIENCE).await? {
        for pid in living(&folder)? {
            tracing::warn!(pid = pid.as_raw(), "it did not end in time and is killed");
            signal(pid, Signal::SIGKILL)?;
        }
        if !gone_within(&folder, LAST).await? {
            bail!("processes of an earlier supervisor can't be ended: {:?}", living(&folder)?);
        }
    }
    for pid in &found {
        sweep(*pid);
    }
    Ok(found.len())
}

/// Forgets a process that has ended.
pub(super) fn sign_out(run: &Path, pid: u32) {
    // One that ended before it signed in has no file.
    let _ = std::fs::remove_file(folder(run).join(pid.to_string()));
}

/// Ends what a process that is gone had started.
pub(super) fn sweep(pid: Pid) {
    // Most have left nothing behind, and then there is no such group.
    let _ = killpg(pid, Signal::SIGKILL);
}

/// Sends a signal; one who is gone already needs none.
pub(super) fn signal(pid: Pid, signal: Signal) -> anyhow::Result<()> {
    match kill(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("sending {signal} to process {pid}")),
    }
}

async fn gone_within(folder: &Path, limit: Duration) -> anyhow::Result<bool> {
    let end = Instant::now() + limit;
    while !living(folder)?.is_empty() {
        if Instant::now() >= end {
            return Ok(false);
        }
        sleep(LOOK).await;
    }
    Ok(true)
}

/// The processes that keep their file locked; the files of others are removed.
fn living(folder: &Path) -> anyhow::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let Some(pid) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_ok() {
            // A process that has made it and not locked it yet has no supervisor, and ends when it looks for one.
            let _ = std::fs::remove_file(&path);
        } else {
            found.push(Pid::from_raw(pid));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_signed_in_lives_until_the_file_is_closed_and_who_did_not_never_did() {
        let run = tempfile::tempdir().unwrap();
        let file = sign_in(run.path()).unwrap();
        std::fs::write(folder(run.path()).join("1"), "").unwrap();
        let me = Pid::from_raw(std::process::id().try_into().unwrap());
        assert_eq!(living(&folder(run.path())).unwrap(), [me]);
        drop(file);
        assert_eq!(end(run.path()).await.unwrap(), 0);
        assert_eq!(std::fs::read_dir(folder(run.path())).unwrap().count(), 0);
    }
}
