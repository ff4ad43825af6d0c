//! streamcore makes media playable: it looks at a source file, transcodes it with ffmpeg into a ladder of H.264 and AAC
//! renditions, packages them as HLS with CMAF segments, and stores them with a poster and thumbnails in the blob store.
//! Jobs wait in a queue with bounded concurrency and survive a crash; what failed says why.

mod encode;
mod error;
mod events;
mod failure;
mod job;
mod ladder;
mod package;
mod probe;
mod process;
mod progress;
mod queue;
mod removal;
mod routes;
mod stills;
mod store;
mod tools;
mod transcode;

use std::time::Duration;

use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

/// Runs what waits in the queue.
pub(crate) const TRANSCODE: &str = "transcode";
/// Removes the renditions of content that is gone.
pub(crate) const REMOVE: &str = "remove";

const MIGRATIONS: &[Migration] = &[Migration::new(1, "jobs", include_str!("../migrations/0001_jobs.sql"))];

/// The service's definition.
pub fn service() -> Service {
    Service::new("streamcore")
        .migrations(MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .state(queue::Queue::new)
        .state(|_| tools::Tools::default())
        .routes(routes::router())
        .job(Job::every(TRANSCODE, Duration::from_secs(5), |ctx| Box::pin(queue::work(ctx))))
        .job(Job::every(REMOVE, Duration::from_secs(5), |ctx| Box::pin(removal::work(ctx))))
        .ready("ffmpeg", |ctx| Box::pin(async move { ctx.state::<tools::Tools>().check(&ctx).await }))
}
