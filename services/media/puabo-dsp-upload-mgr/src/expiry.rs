//! Removes what nobody will finish: unfinished uploads whose time is over, blobs without an upload, and old history.

use std::collections::BTreeSet;
use std::time::Duration;

use nexus_kernel::store::Scope;
use nexus_kernel::{Context, Problem};

use crate::receive::Receivers;
use crate::upload::StoredUpload;
use crate::{part, store};

/// The job's name.
pub(crate) const JOB: &str = "expire";
/// How many uploads are read at once.
const BATCH: i64 = 100;
/// How long an upload that ended stays in its owner's list.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// Removes what can go now.
pub(crate) async fn work(ctx: Context) -> Result<(), Problem> {
    let now = ctx.clock.now();
    for stored in store::expired(&mut ctx.store.read(Scope::System), now, BATCH).await? {
        expire(&ctx, &stored).await?;
    }
    let mut tx = ctx.store.begin(Scope::System).await?;
    store::forget(&mut tx, now.minus(REMEMBERED)).await?;
    tx.commit().await?;
    sweep(&ctx).await
}

/// Removes one unfinished upload, unless a part of it is arriving.
async fn expire(ctx: &Context, stored: &StoredUpload) -> Result<(), Problem> {
    let id = stored.upload.id;
    let Some(_lock) = ctx.state::<Receivers>().locks.try_acquire(id) else { return Ok(()) };
    let mut tx = ctx.store.begin(stored.tenant).await?;
    if !store::expire(&mut tx, id, ctx.clock.now()).await? {
        return Ok(());
    }
    tx.commit().await?;
    Ok(part::remove(ctx, id).await?)
}

/// Removes the blobs that a crash left behind. A blob is made only after its upload is stored, so none is too young to be known.
async fn sweep(ctx: &Context) -> Result<(), Problem> {
    let keys = ctx.blobs.list(part::INCOMING).await?;
    let ids: BTreeSet<&str> = keys.iter().filter_map(|key| key.split('/').nth(1)).collect();
    for id in ids {
        if !store::needs_file(&mut ctx.store.read(Scope::System), id).await? {
            ctx.blobs.delete_prefix(&format!("{}/{id}", part::INCOMING)).await?;
        }
    }
    Ok(())
}
