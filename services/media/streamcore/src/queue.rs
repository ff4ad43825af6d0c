//! The queue: takes waiting jobs up to a limit, keeps each by a lease, and ends each in exactly one way.
//!
//! A lease makes a crash harmless: when its process falls silent, the job returns to the queue, and any instance of the service
//! takes it up. Each attempt has a name of its own, and so have the folder in which it works and the place in the blob store
//! where its renditions go. Which attempt's renditions count, the store decides: an attempt that lost its lease harms nothing.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use nexus_contracts::streamcore::rendition_prefix;
use nexus_kernel::store::{Scope, StoreError};
use nexus_kernel::{Context, Problem};
use tokio::sync::{Notify, watch};

use crate::events;
use crate::failure::Failure;
use crate::job::{Blame, Next, StoredJob, after_failure};
use crate::store;
use crate::tools::Tools;
use crate::transcode::{Product, transcode};

/// How long a process may be silent before its jobs return to the queue.
const LEASE: Duration = Duration::from_secs(15);
/// How often a lease is renewed.
const RENEWAL: Duration = Duration::from_secs(4);
/// How often the queue is looked at while a place is free: orders that another instance took wake nobody here.
const LOOK: Duration = Duration::from_secs(3);
/// How often progress is looked at.
const TICK: Duration = Duration::from_secs(1);
/// The smallest progress that is worth an event.
const STEP: f64 = 0.01;

/// What the queue of this process shares between its jobs and the handlers.
#[derive(Debug)]
pub(crate) struct Queue {
    slots: usize,
    /// The attempts that this process makes.
    attempts: Mutex<HashSet<String>>,
    /// Jobs were added or removed.
    pub(crate) changed: Notify,
}

impl Queue {
    /// A queue with as many places as the configuration says.
    pub(crate) fn new(ctx: &Context) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let slots = match ctx.config.media.transcodes {
            0 => (cores / 2).max(1),
            configured => configured,
        };
        Self { slots, attempts: Mutex::default(), changed: Notify::new() }
    }

    fn attempts(&self) -> MutexGuard<'_, HashSet<String>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job that this process works on.
#[derive(Debug)]
struct Attempt {
    stored: StoredJob,
    /// The attempt's name: the lease's owner, the folder's, and the renditions'.
    name: String,
}

impl Attempt {
    /// Where its renditions go.
    fn output(&self) -> String {
        output(&self.stored, &self.name)
    }
}

fn output(stored: &StoredJob, attempt: &str) -> String {
    rendition_prefix(stored.tenant, stored.job.content_id, attempt)
}

/// Works until nothing waits any more. Run as a job: it comes again at intervals and when something is ordered.
pub(crate) async fn work(ctx: Context) -> Result<(), Problem> {
    let queue = ctx.state::<Queue>();
    let result = tokio::select! {
        result = serve(&ctx, &queue) => result,
        () = ctx.shutdown.cancelled() => Ok(()),
    };
    // Whatever ended the loop, nothing of this process runs any more: ffmpeg was killed with it.
    let interrupted = std::mem::take(&mut *queue.attempts());
    let mut tx = ctx.store.begin(Scope::System).await?;
    for attempt in &interrupted {
        store::give_back(&mut tx, attempt).await?;
    }
    tx.commit().await?;
    result
}

async fn serve(ctx: &Context, queue: &Queue) -> Result<(), Problem> {
    sweep_folders(ctx).await?;
    let mut running = FuturesUnordered::new();
    loop {
        take_back_abandoned(ctx).await?;
        let free = queue.slots.saturating_sub(running.len());
        for job in take(ctx, queue, free).await? {
            running.push(run_traced(ctx, queue, job));
        }
        if running.is_empty() {
            return Ok(());
        }
        tokio::select! {
            // A job that could not even be ended keeps its lease until it lapses; then it counts as abandoned.
            ended = running.next() => if let Some(Err(problem)) = ended { tracing::error!(%problem, "a transcode could not be ended") },
            () = queue.changed.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Claims waiting jobs; while ffmpeg is missing it says so on each instead.
async fn take(ctx: &Context, queue: &Queue, free: usize) -> Result<Vec<Attempt>, Problem> {
    let waiting = store::waiting(&mut ctx.store.read(Scope::System), free).await?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    if let Err(reason) = ctx.state::<Tools>().check(ctx).await {
        let mut tx = ctx.store.begin(Scope::System).await?;
        store::explain_waiting(&mut tx, &reason).await?;
        tx.commit().await?;
        return Ok(Vec::new());
    }
    let mut taken = Vec::new();
    for mut stored in waiting {
        let (now, name) = (ctx.clock.now(), ctx.ids.next().to_string());
        let mut tx = ctx.store.begin(stored.tenant).await?;
        if store::claim(&mut tx, stored.job.id, &name, now.plus(LEASE), now).await? {
            events::progressed(&mut tx, &stored, 0.0).await?;
            queue.attempts().insert(name.clone());
            tx.commit().await?;
            stored.job.attempts += 1;
            taken.push(Attempt { stored, name });
        }
    }
    Ok(taken)
}

/// Runs one attempt as part of the trace that ordered its job.
async fn run_traced(ctx: &Context, queue: &Queue, attempt: Attempt) -> Result<(), Problem> {
    let job = attempt.stored.job.id;
    let span = tracing::info_span!("transcode", service = ctx.service, %job, content = %attempt.stored.job.content_id);
    let ended = attempt.stored.cause.resume(span, Box::pin(run(ctx, queue, &attempt))).await;
    queue.attempts().remove(&attempt.name);
    ended
}

/// Runs one attempt to its end, or until the job is no longer its own.
async fn run(ctx: &Context, queue: &Queue, attempt: &Attempt) -> Result<(), Problem> {
    let folder = work_folder(ctx).map_err(Problem::internal)?.join(&attempt.name);
    let (done, progress) = watch::channel(0.0);
    let outcome = tokio::select! {
        outcome = in_folder(ctx, attempt, &folder, &done) => Some(outcome),
        lost = keep(ctx, queue, attempt, progress) => { lost?; None }
    };
    remove_folder(&folder).await;
    match outcome {
        Some(Ok(product)) => succeed(ctx, attempt, &product).await?,
        Some(Err(failure)) => give_up(ctx, attempt, failure).await?,
        None => drop(ctx.blobs.delete_prefix(&attempt.output()).await?),
    }
    let mut tx = ctx.store.begin(attempt.stored.tenant).await?;
    let removing = store::stopped(&mut tx, attempt.stored.job.content_id).await? > 0;
    tx.commit().await?;
    if removing {
        ctx.wake(crate::REMOVE);
    }
    Ok(())
}

async fn in_folder(
    ctx: &Context,
    attempt: &Attempt,
    folder: &Path,
    done: &watch::Sender<f64>,
) -> Result<Product, Failure> {
    tokio::fs::create_dir_all(folder).await?;
    transcode(ctx, &attempt.stored, folder, &attempt.output(), done).await
}

/// Renews the lease and tells how far the job is, until the job is no longer this attempt's.
async fn keep(
    ctx: &Context,
    queue: &Queue,
    attempt: &Attempt,
    progress: watch::Receiver<f64>,
) -> Result<(), StoreError> {
    let (mut told, mut renewed, mut last) = (0.0, ctx.clock.now(), Instant::now());
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = queue.changed.notified() => renewed = renewed.minus(RENEWAL),
        }
        let (reached, now) = (*progress.borrow(), ctx.clock.now());
        let news = reached - told >= STEP;
        if !news && now.since(renewed) < RENEWAL {
            continue;
        }
        match renew(ctx, attempt, reached, news).await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // A database that fails over is no reason to begin again.
            Err(error) if last.elapsed() < LEASE => {
                tracing::warn!(%error, job = %attempt.stored.job.id, "a lease could not be renewed");
                continue;
            }
            Err(error) => return Err(error),
        }
        (renewed, last) = (now, Instant::now());
        if news {
            told = reached;
        }
    }
}

async fn renew(ctx: &Context, attempt: &Attempt, reached: f64, news: bool) -> Result<bool, StoreError> {
    let stored = &attempt.stored;
    let mut tx = ctx.store.begin(stored.tenant).await?;
    let until = ctx.clock.now().plus(LEASE);
    if !store::renew(&mut tx, stored.job.id, &attempt.name, until, reached).await? {
        return Ok(false);
    }
    if news {
        events::progressed(&mut tx, stored, reached).await?;
    }
    tx.commit().await?;
    Ok(true)
}

async fn succeed(ctx: &Context, attempt: &Attempt, product: &Product) -> Result<(), Problem> {
    let Attempt { stored, name } = attempt;
    let mut tx = ctx.store.begin(stored.tenant).await?;
    if store::succeed(&mut tx, stored.job.id, name, product, ctx.clock.now()).await? {
        events::succeeded(&mut tx, stored, name, product).await?;
        tx.commit().await?;
    } else {
        // Somebody else has the job: theirs count.
        drop(tx);
        ctx.blobs.delete_prefix(&attempt.output()).await?;
    }
    Ok(())
}

async fn give_up(ctx: &Context, attempt: &Attempt, failure: Failure) -> Result<(), Problem> {
    let Attempt { stored, name } = attempt;
    tracing::info!(job = %stored.job.id, blame = ?failure.blame, reason = failure.reason, "a transcode ended without a result");
    end(ctx, stored, name, &failure).await
}

/// Ends an attempt that has no result: back into the queue, or failed for good. What it had stored goes either way.
async fn end(ctx: &Context, stored: &StoredJob, owner: &str, failure: &Failure) -> Result<(), Problem> {
    ctx.blobs.delete_prefix(&output(stored, owner)).await?;
    let (id, reason) = (stored.job.id, &failure.reason);
    let mut tx = ctx.store.begin(stored.tenant).await?;
    let ended = match after_failure(failure.blame, stored.job.attempts) {
        Next::Queue => {
            let ended = store::requeue(&mut tx, id, owner, reason).await?;
            if ended {
                events::progressed(&mut tx, stored, 0.0).await?;
            }
            ended
        }
        Next::Fail { retryable } => {
            let ended = store::fail(&mut tx, id, owner, reason, retryable, ctx.clock.now()).await?;
            if ended {
                events::failed(&mut tx, stored, reason, retryable).await?;
            }
            ended
        }
    };
    if ended {
        tx.commit().await?;
    }
    Ok(())
}

/// Puts jobs of processes that fell silent back into the queue, or fails them when they had all their attempts.
async fn take_back_abandoned(ctx: &Context) -> Result<(), Problem> {
    let abandoned = store::abandoned(&mut ctx.store.read(Scope::System), ctx.clock.now()).await?;
    for job in abandoned {
        let reason = format!(
            "transcoding stopped without a word {} times; the machine may lack memory",
            job.stored.job.attempts
        );
        let failure = Failure { blame: Blame::Machine, reason };
        end(ctx, &job.stored, &job.owner, &failure).await?;
    }
    Ok(())
}

fn work_folder(ctx: &Context) -> std::io::Result<PathBuf> {
    let folder = ctx.data_dir()?.join("jobs");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Removes the folders that a crash left behind.
async fn sweep_folders(ctx: &Context) -> Result<(), Problem> {
    let folder = work_folder(ctx).map_err(Problem::internal)?;
    let mut entries = tokio::fs::read_dir(&folder).await.map_err(Problem::internal)?;
    while let Some(entry) = entries.next_entry().await.map_err(Problem::internal)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !store::is_running(&mut ctx.store.read(Scope::System), &name).await? {
            remove_folder(&entry.path()).await;
        }
    }
    Ok(())
}

async fn remove_folder(folder: &Path) {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, "a work folder could not be removed; the next sweep tries again");
        }
        _ => {}
    }
}
