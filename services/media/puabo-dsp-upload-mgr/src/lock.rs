//! One writer an upload in this process, so that the offset that is told is the offset that is; [`crate::lease`] sees to the
//! other processes.
//!
//! A connection that died may take minutes to be noticed, and its request holds the upload for as long. Whoever comes next
//! therefore waits for a moment, then has the one before put away what it has, and goes on from there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::error::Error;

/// How long a newcomer waits for the one before to end by itself: what is still on its way through a proxy arrives meanwhile.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// How long the one before may take to put away what it has.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The uploads that are being written in this process.
#[derive(Debug, Default)]
pub(crate) struct Locks(Mutex<HashMap<Uuid, Weak<Entry>>>);

#[derive(Debug, Default)]
struct Entry {
    gate: Arc<tokio::sync::Mutex<()>>,
    /// Tells the present holder to stop.
    stop: Mutex<CancellationToken>,
}

/// The right to write to an upload.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Somebody else wants to go on with the upload.
    pub(crate) stop: CancellationToken,
    _guard: OwnedMutexGuard<()>,
    _entry: Arc<Entry>,
}

impl Locks {
    /// Waits for the upload, and takes it over from a request that does not end by itself.
    pub(crate) async fn acquire(&self, id: Uuid) -> Result<Lock, Error> {
        let entry = self.entry(id);
        if let Ok(guard) = tokio::time::timeout(PATIENCE, Arc::clone(&entry.gate).lock_owned()).await {
            return Ok(Lock::of(entry, guard));
        }
        entry.stop.lock().unwrap_or_else(PoisonError::into_inner).cancel();
        match tokio::time::timeout(GRACE, Arc::clone(&entry.gate).lock_owned()).await {
            Ok(guard) => Ok(Lock::of(entry, guard)),
            Err(_) => Err(Error::Locked),
        }
    }

    /// The upload if nobody has it.
    pub(crate) fn try_acquire(&self, id: Uuid) -> Option<Lock> {
        let entry = self.entry(id);
        let guard = Arc::clone(&entry.gate).try_lock_owned().ok()?;
        Some(Lock::of(entry, guard))
    }

    fn entry(&self, id: Uuid) -> Arc<Entry> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| entry.strong_count() > 0);
        if let Some(entry) = entries.get(&id).and_then(Weak::upgrade) {
            return entry;
        }
        let entry = Arc::new(Entry::default());
        entries.insert(id, Arc::downgrade(&entry));
        entry
    }
}

impl Lock {
    fn of(entry: Arc<Entry>, guard: OwnedMutexGuard<()>) -> Self {
        let stop = CancellationToken::new();
        *entry.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop.clone();
        Self { stop, _guard: guard, _entry: entry }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_has_the_one_before_stopped() {
        let locks = Arc::new(Locks::default());
        let first = locks.acquire(Uuid::nil()).await.unwrap();
        let newcomer = tokio::spawn({
            let locks = Arc::clone(&locks);
            async move { locks.acquire(Uuid::nil()).await.map(drop) }
        });
        first.stop.cancelled().await;
        drop(first);
        newcomer.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_stop_keeps_the_upload() {
        let locks = Locks::default();
        let _first = locks.acquire(Uuid::nil()).await.unwrap();
        assert!(matches!(locks.acquire(Uuid::nil()).await, Err(Error::Locked)));
        assert!(locks.try_acquire(Uuid::nil()).is_none());
        assert!(locks.try_acquire(Uuid::max()).is_some());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_locks_that_ended() {
        let locks = Locks::default();
        drop(locks.acquire(Uuid::nil()).await.unwrap());
        drop(locks.acquire(Uuid::max()).await.unwrap());
        assert!(locks.0.lock().unwrap().len() <= 1);
    }
}
