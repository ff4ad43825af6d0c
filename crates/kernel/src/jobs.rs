//! Runs a service's jobs: each alone, at its intervals, when woken, until shutdown.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::context::Context;
use crate::leader::{self, Candidate, Found, Held};
use crate::scope::RequestScope;
use crate::service::{Job, Place};
use crate::simulation;

/// The longest wait before a job that failed is tried again, where its period is longer.
const RETRY: Duration = Duration::from_secs(5);

/// Starts the jobs; the tracker's tasks end after the run at hand when the context's shutdown begins.
pub(crate) fn start(context: &Context, jobs: Vec<Job>, tasks: &TaskTracker) {
    for job in jobs {
        let waker = context.wakers.get(job.name).cloned().unwrap_or_default();
        match job.place {
            Place::Everywhere => simulation::spawn(&context.clock, tasks, run(context.clone(), job, waker)),
            Place::OneInstance => simulation::spawn(&context.clock, tasks, run_elected(context.clone(), job, waker)),
        }
    }
}

async fn run(context: Context, job: Job, waker: Arc<Notify>) {
    loop {
        let succeeded = once(&context, &job).await;
        let pause = if succeeded { job.period } else { context.clock.jittered(RETRY.min(job.period)) };
        tokio::select! {
            biased;
            () = context.shutdown.cancelled() => return,
            () = waker.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Runs the job whenever it is due or woken and this instance gets its lease.
async fn run_elected(context: Context, job: Job, waker: Arc<Notify>) {
    let mut candidate = Candidate::new(context.store.clone(), job.name, job.period, context.ids.next().to_string());
    let mut woken = false;
    loop {
        let pause = match candidate.look(woken).await {
            Ok(Found::Ours(held)) => {
                // Whoever wakes it from here on wants another run.
                woken = false;
                let succeeded = lead(&context, &job, &mut candidate, held).await;
                if succeeded { job.period } else { context.clock.jittered(RETRY.min(job.period)) }
            }
            Ok(Found::Theirs) => leader::RENEWAL,
            Ok(Found::Done(rest)) => rest,
            Err(error) => {
                tracing::warn!(service = context.service, job = job.name, %error, "a singleton's lease can't be looked at");
                context.clock.jittered(RETRY.min(job.period))
            }
        };
        tokio::select! {
            biased;
            () = context.shutdown.cancelled() => return,
            () = waker.notified() => woken = true,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One run under the lease; the run is dropped where it stands when the lease is lost.
async fn lead(context: &Context, job: &Job, candidate: &mut Candidate, mut held: Held) -> bool {
    let fence = held.fence();
    let succeeded = tokio::select! {
        biased;
        succeeded = fence.around(once(context, job)) => succeeded,
        () = held.keep() => {
            tracing::warn!(service = context.service, job = job.name, "this instance lost its lease and stopped the job");
            return false;
        }
    };
    if let Err(error) = candidate.release(held, succeeded).await {
        // It lapses by itself, for others and for us.
        tracing::warn!(service = context.service, job = job.name, %error, "a singleton's lease could not be given back");
    }
    succeeded
}

async fn once(context: &Context, job: &Job) -> bool {
    let span = tracing::info_span!("job", service = context.service, job = job.name);
    let work = AssertUnwindSafe((job.body)(context.clone())).catch_unwind();
    match RequestScope::root().in_span(&span, None).run(work).instrument(span.clone()).await {
        Ok(Ok(())) => true,
        Ok(Err(problem)) => {
            span.in_scope(|| tracing::warn!(%problem, "the job failed and will run again"));
            false
        }
        Err(_) => {
            span.in_scope(|| tracing::error!("the job panicked and will run again"));
            false
        }
    }
}
