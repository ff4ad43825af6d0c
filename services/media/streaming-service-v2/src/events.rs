//! How the service reacts to what content-management and streamcore announce. It announces nothing itself.

use nexus_contracts::content_management::{
    ContentDeleted, ContentId, ContentMediaAttached, ContentPublished, ContentUnpublished, MediaReport,
};
use nexus_contracts::streamcore::{JobFailed, JobProgressed, JobSucceeded};
use nexus_kernel::events::Delivery;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Problem};

use crate::facts::Facts;
use crate::store;
use crate::task::{self, Task};

/// An item has a file, which has to be made playable.
pub(crate) async fn on_media_attached(
    ctx: &Context,
    tx: &mut Tx,
    event: Delivery<ContentMediaAttached>,
) -> Result<(), Problem> {
    add(ctx, tx, event.data.content_id, Task::Order { source_key: event.data.source_key }).await
}

/// An item is gone: so is everything that was still to be said about it, and what was made of it goes.
pub(crate) async fn on_deleted(ctx: &Context, tx: &mut Tx, event: Delivery<ContentDeleted>) -> Result<(), Problem> {
    let content = event.data.content_id;
    ctx.state::<Facts>().forget(content).await;
    store::drop_untried(tx, content).await?;
    store::drop_rendition(tx, content).await?;
    add(ctx, tx, content, Task::Remove).await
}

/// More may play the item than a moment ago.
pub(crate) async fn on_published(ctx: &Context, event: Delivery<ContentPublished>) -> Result<(), Problem> {
    ctx.state::<Facts>().forget(event.data.content_id).await;
    Ok(())
}

/// Fewer may play the item than a moment ago.
pub(crate) async fn on_unpublished(ctx: &Context, event: Delivery<ContentUnpublished>) -> Result<(), Problem> {
    ctx.state::<Facts>().forget(event.data.content_id).await;
    Ok(())
}

/// A transcode moved on. Only the last word counts: what was not yet said of its progress need not be.
pub(crate) async fn on_progressed(ctx: &Context, tx: &mut Tx, event: Delivery<JobProgressed>) -> Result<(), Problem> {
    let report = MediaReport::Processing { progress: event.data.progress };
    store::drop_untried_progress(tx, event.data.content_id).await?;
    add(ctx, tx, event.data.content_id, Task::Report { report }).await
}

/// An item can be played.
pub(crate) async fn on_succeeded(ctx: &Context, tx: &mut Tx, event: Delivery<JobSucceeded>) -> Result<(), Problem> {
    let job = event.data;
    // Before anybody hears that it plays.
    store::set_rendition(tx, job.content_id, &job.rendition).await?;
    ctx.state::<Facts>().forget(job.content_id).await;
    let report = MediaReport::Ready { duration_ms: job.duration_ms, width: job.width, height: job.height };
    add(ctx, tx, job.content_id, Task::Report { report }).await
}

/// An item can't be made playable.
pub(crate) async fn on_failed(ctx: &Context, tx: &mut Tx, event: Delivery<JobFailed>) -> Result<(), Problem> {
    let job = event.data;
    let report = MediaReport::Failed { error: job.error, retryable: job.retryable };
    add(ctx, tx, job.content_id, Task::Report { report }).await
}

async fn add(ctx: &Context, tx: &mut Tx, content: ContentId, task: Task) -> Result<(), Problem> {
    store::add(tx, content, &task, ctx.clock.now()).await?;
    ctx.wake(task::JOB);
    Ok(())
}
