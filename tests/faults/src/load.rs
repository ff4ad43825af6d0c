//! The steady load: clients that write, and repeat each request under its own key until they know what became of it. What was
//! acknowledged is noted, and read back now and then.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_testkit::eventually_within;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::client::{Client, Failure};
use crate::wire::{Effect, Entry};

/// How many clients there are.
const CLIENTS: usize = 6;
/// What each pauses after a request that succeeded, and after one that failed.
const PAUSE: Duration = Duration::from_millis(4);
const AFTER_FAILURE: Duration = Duration::from_millis(60);
/// How long a request that the system believes to be under way is left alone.
const ASIDE: Duration = Duration::from_secs(3);
/// Every so many writes, one is read back.
const READ_EVERY: usize = 4;
/// How long the system may take to be as good as before.
const RECOVERY: Duration = Duration::from_mins(2);

/// What clients know.
#[derive(Debug, Default)]
pub struct Log {
    /// Requests that were acknowledged, with the entries that they made.
    pub acknowledged: HashMap<Uuid, Uuid>,
    /// Every request that was ever made.
    pub made: HashSet<Uuid>,
    /// Requests sent, repeats among them.
    pub requests: usize,
    /// Those that had no answer or a bad one.
    pub errors: usize,
    /// What must never be, as it was seen.
    pub wrong: Vec<String>,
    aside: VecDeque<(Instant, Uuid)>,
    /// The last failures, for whoever has to find out why nothing goes on.
    recent: VecDeque<String>,
}

struct Shared {
    client: Client,
    log: Mutex<Log>,
    stopping: AtomicBool,
}

/// The clients.
#[derive(Clone)]
pub struct Load(Arc<Shared>);

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load").finish_non_exhaustive()
    }
}

/// Clients at work.
#[derive(Debug)]
pub struct Running(Load, JoinSet<()>);

impl Load {
    /// Clients of these fronts, which do nothing yet.
    pub fn new(fronts: Vec<String>) -> Self {
        let shared = Shared { client: Client::new(fronts), log: Mutex::default(), stopping: AtomicBool::new(false) };
        Self(Arc::new(shared))
    }

    /// What they know.
    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For other questions.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// They begin to write.
    pub fn start(&self) -> Running {
        self.0.stopping.store(false, Ordering::SeqCst);
        let mut tasks = JoinSet::new();
        for _ in 0..CLIENTS {
            let load = self.clone();
            tasks.spawn(async move { load.work().await });
        }
        Running(self.clone(), tasks)
    }

    async fn work(&self) {
        for number in 1.. {
            if self.0.stopping.load(Ordering::SeqCst) {
                return;
            }
            let request = self.due().unwrap_or_else(Uuid::now_v7);
            if let Some(entry) = self.write(request).await
                && number % READ_EVERY == 0
            {
                self.read_back(entry).await;
            }
            sleep(PAUSE).await;
        }
    }

    /// A request that was put aside long enough ago.
    fn due(&self) -> Option<Uuid> {
        let mut log = self.log();
        let due = log.aside.front().is_some_and(|(at, _)| at.elapsed() >= ASIDE);
        if due { log.aside.pop_front().map(|(_, request)| request) } else { None }
    }

    /// Repeats a request until its outcome is known; `None` when that will take a while.
    async fn write(&self, request: Uuid) -> Option<Uuid> {
        self.log().made.insert(request);
        loop {
            match self.0.client.make(request).await {
                Ok(entry) => {
                    self.acknowledge(request, &entry);
                    return Some(entry.id);
                }
                Err(failure) => {
                    let in_use = failure.is_in_use();
                    self.failed(&failure);
                    if in_use || self.0.stopping.load(Ordering::SeqCst) {
                        self.log().aside.push_back((Instant::now(), request));
                        return None;
                    }
                }
            }
            sleep(AFTER_FAILURE).await;
        }
    }

    fn acknowledge(&self, request: Uuid, entry: &Entry) {
        let mut log = self.log();
        log.requests += 1;
        if entry.request != request {
            log.wrong.push(format!("request {request} was answered with the entry of {}", entry.request));
        }
        if let Some(before) = log.acknowledged.insert(request, entry.id)
            && before != entry.id
        {
            log.wrong.push(format!("request {request} was acknowledged as {before} and as {}", entry.id));
        }
    }

    fn failed(&self, failure: &Failure) {
        let mut log = self.log();
        log.requests += 1;
        log.errors += 1;
        log.recent.push_back(format!("{failure:?}"));
        if log.recent.len() > 5 {
            log.recent.pop_front();
        }
    }

    /// What was acknowledged can be read, from whichever instance, at once.
    async fn read_back(&self, entry: Uuid) {
        match self.0.client.read::<Entry>(&format!("/entries/{entry}")).await {
            Ok(_) => self.log().requests += 1,
            Err(failure) => {
                if failure.is_not_found() {
                    self.log().wrong.push(format!("entry {entry} was acknowledged and could not be read then"));
                }
                self.failed(&failure);
            }
        }
    }

    /// Waits until so many more writes are acknowledged.
    pub async fn more(&self, writes: usize) {
        let enough = self.log().acknowledged.len() + writes;
        let end = Instant::now() + RECOVERY;
        while self.log().acknowledged.len() < enough {
            assert!(Instant::now() < end, "no write succeeds any more; the last failures: {:#?}", self.log().recent);
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until clients saw so many more errors.
    pub async fn more_errors(&self, errors: usize) {
        let enough = self.log().errors + errors;
        eventually_within(RECOVERY, "clients to see errors", async || (self.log().errors >= enough).then_some(()))
            .await;
    }

    /// Waits until a new write is acknowledged and has its effect; how long that took from an instant on.
    pub async fn recovery(&self, since: Instant) -> Duration {
        let recovered = async {
            let entry = loop {
                if let Some(entry) = self.write(Uuid::now_v7()).await {
                    break entry;
                }
            };
            let path = format!("/effects/{entry}");
            while self.0.client.read::<Effect>(&path).await.is_err() {
                sleep(Duration::from_millis(15)).await;
            }
        };
        let ended = timeout(RECOVERY, recovered).await;
        assert!(ended.is_ok(), "the system did not recover; the last failures: {:#?}", self.log().recent);
        since.elapsed()
    }

    /// Repeats what was put aside until each is answered, for at most this long; how many are left.
    pub async fn settle(&self, limit: Duration) -> usize {
        let end = Instant::now() + limit;
        loop {
            let aside = std::mem::take(&mut self.log().aside);
            for (_, request) in aside {
                // Once each: it puts itself aside again.
                self.write(request).await;
            }
            let left = self.log().aside.len();
            if left == 0 || Instant::now() >= end {
                return left;
            }
            sleep(AFTER_FAILURE).await;
        }
    }
}

impl Running {
    /// They end what they are at, and stop.
    pub async fn stop(self) {
        let Self(load, tasks) = self;
        load.0.stopping.store(true, Ordering::SeqCst);
        tasks.join_all().await;
    }
}
