//! How the service reacts to what content-management announces. It announces nothing itself.

use nexus_contracts::content_management::{ContentDeleted, ContentMediaFailed};
use nexus_kernel::events::Delivery;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Problem};

use crate::{removal, store};

/// The file can't be played: its owner sees why, and it goes, unless the same file may work another time.
pub(crate) async fn on_media_failed(
    ctx: &Context,
    tx: &mut Tx,
    event: Delivery<ContentMediaFailed>,
) -> Result<(), Problem> {
    let failed = event.data;
    if failed.retryable {
        return Ok(());
    }
    store::refuse(tx, failed.upload_id, &failed.error, ctx.clock.now()).await?;
    store::request_removal(tx, failed.upload_id).await?;
    ctx.wake(removal::JOB);
    Ok(())
}

/// The content item is gone, and with it the upload that it came from.
pub(crate) async fn on_content_deleted(
    ctx: &Context,
    tx: &mut Tx,
    event: Delivery<ContentDeleted>,
) -> Result<(), Problem> {
    let Some(upload) = event.data.upload_id else { return Ok(()) };
    store::delete(tx, upload).await?;
    store::request_removal(tx, upload).await?;
    ctx.wake(removal::JOB);
    Ok(())
}
