//! Removes files from the blob store whose content is gone or can't be played.

use nexus_contracts::puabo_dsp_upload_mgr::source_key;
use nexus_kernel::store::Scope;
use nexus_kernel::{Context, Problem};

use crate::store;

/// The job's name.
pub(crate) const JOB: &str = "remove";
/// How many files are removed at once.
const BATCH: i64 = 100;

/// Removes what must go.
pub(crate) async fn work(ctx: Context) -> Result<(), Problem> {
    for removal in store::removals(&mut ctx.store.read(Scope::System), BATCH).await? {
        ctx.blobs.delete(&source_key(removal.tenant, removal.upload)).await?;
        let mut tx = ctx.store.begin(removal.tenant).await?;
        store::removed(&mut tx, removal.upload).await?;
        tx.commit().await?;
    }
    Ok(())
}
