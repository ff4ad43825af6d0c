//! What becomes of a complete upload: media goes into the blob store and becomes a content item, anything else is refused.
//!
//! Every step can be repeated, and the local file goes last, so that a crash anywhere only means doing it again.

use std::path::Path;

use futures::StreamExt;
use nexus_contracts::content_management::{AttachUpload, ContentId, ContentManagement};
use nexus_contracts::puabo_dsp_upload_mgr::source_key;
use nexus_kernel::store::Scope;
use nexus_kernel::{Context, Problem};
use tokio_util::io::ReaderStream;

use crate::container::{self, HEAD_BYTES};
use crate::upload::{StoredUpload, UploadState};
use crate::{part, removal, store};

/// The job's name.
pub(crate) const JOB: &str = "check";
/// How many uploads are checked at once, and how many are read at once.
const AT_ONCE: usize = 4;
const BATCH: i64 = 100;
/// How much of a file is read at once on its way into the blob store.
const CHUNK: usize = 256 << 10;

/// Checks what waits. One that can't be checked now does not keep the others waiting.
pub(crate) async fn work(ctx: Context) -> Result<(), Problem> {
    let waiting = store::unchecked(&mut ctx.store.read(Scope::System), BATCH).await?;
    let results: Vec<_> =
        futures::stream::iter(waiting).map(|stored| check(&ctx, stored)).buffer_unordered(AT_ONCE).collect().await;
    results.into_iter().collect()
}

async fn check(ctx: &Context, stored: StoredUpload) -> Result<(), Problem> {
    let id = stored.upload.id;
    let path = part::path(ctx, id).map_err(Problem::internal)?;
    let head = match part::head(&path, HEAD_BYTES).await {
        Ok(head) => head,
        // The instance of the service that received the file has it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Problem::internal(error)),
    };
    match container::check(&head) {
        Ok(()) => accept(ctx, &stored, &path).await?,
        Err(reason) => refuse(ctx, &stored, &reason.to_string()).await?,
    }
    part::remove(ctx, id).await.map_err(Problem::internal)
}

async fn refuse(ctx: &Context, stored: &StoredUpload, reason: &str) -> Result<(), Problem> {
    tracing::info!(upload = %stored.upload.id, reason, "an upload is no media");
    let mut tx = ctx.store.begin(stored.tenant).await?;
    store::refuse(&mut tx, stored.upload.id, reason, ctx.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

async fn accept(ctx: &Context, stored: &StoredUpload, path: &Path) -> Result<(), Problem> {
    let key = source_key(stored.tenant, stored.upload.id);
    let file = tokio::fs::File::open(path).await.map_err(Problem::internal)?;
    let kept = ctx.blobs.put_stream(&key, ReaderStream::with_capacity(file, CHUNK), None).await?;
    if kept.size != stored.upload.size {
        return Err(Problem::internal(format!("{} has {} bytes instead of {}", key, kept.size, stored.upload.size)));
    }
    let order = AttachUpload {
        upload_id: stored.upload.id,
        tenant: stored.tenant,
        owner: stored.owner,
        title: stored.metadata.title.clone(),
        source_key: key,
    };
    let content = ContentManagement::new(&ctx.mesh).attach_upload(&order).await?.content_id;
    settle(ctx, stored, content).await
}

/// Notes the content item, unless it was deleted already, and its file's removal ordered before the file was there.
async fn settle(ctx: &Context, stored: &StoredUpload, content: ContentId) -> Result<(), Problem> {
    let id = stored.upload.id;
    let mut tx = ctx.store.begin(stored.tenant).await?;
    if store::accept(&mut tx, id, content, ctx.clock.now()).await? == 0 {
        let now = store::by_id(&mut tx, id).await?;
        if now.is_none_or(|now| now.upload.state == UploadState::Refused) {
            store::request_removal(&mut tx, id).await?;
            ctx.wake(removal::JOB);
        }
    }
    tx.commit().await?;
    Ok(())
}
