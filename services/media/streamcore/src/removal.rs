//! Renditions of content that is gone, removed once no process writes them any more.

use nexus_contracts::streamcore::output_prefix;
use nexus_kernel::store::Scope;
use nexus_kernel::{Context, Problem};

use crate::store;

/// Removes what can be removed now; the rest waits for its process to stop or to fall silent.
pub(crate) async fn work(ctx: Context) -> Result<(), Problem> {
    let removals = store::removals(&mut ctx.store.read(Scope::System)).await?;
    for removal in removals {
        if removal.busy_until.is_some_and(|until| until > ctx.clock.now()) {
            continue;
        }
        ctx.blobs.delete_prefix(&output_prefix(removal.tenant, removal.content_id)).await?;
        let mut tx = ctx.store.begin(removal.tenant).await?;
        store::removed(&mut tx, removal.content_id).await?;
        tx.commit().await?;
    }
    Ok(())
}
