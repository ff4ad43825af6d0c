//! Runs a service's jobs: each alone, at its intervals, when woken, until shutdown.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use rand::RngExt;
use std::panic::AssertUnwindSafe;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::context::Context;
use crate::scope::RequestScope;
use crate::service::Job;

/// The longest wait before a job that failed is tried again, where its period is longer.
const RETRY: Duration = Duration::from_secs(5);

/// Starts the jobs; the tracker's tasks end after the run at hand when the context's shutdown begins.
pub(crate) fn start(context: &Context, jobs: Vec<Job>, tasks: &TaskTracker) {
    for job in jobs {
        let waker = context.wakers.get(job.name).cloned().unwrap_or_default();
        tasks.spawn(run(context.clone(), job, waker));
    }
}

async fn run(context: Context, job: Job, waker: Arc<Notify>) {
    loop {
        let succeeded = once(&context, &job).await;
        let pause = if succeeded { job.period } else { jittered(RETRY.min(job.period)) };
        tokio::select! {
            () = context.shutdown.cancelled() => return,
            () = waker.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
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

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..1.0))
}
