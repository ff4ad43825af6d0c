//! What becomes of a complete upload: media goes into the blob store and becomes a content item, anything else is refused.
//!
//! Every step can be repeated, and the file is whole in one of two places at any moment, so that a crash anywhere only means
//! going on.

use std::io::ErrorKind;
use std::path::Path;

use futures::StreamExt;
use nexus_contracts::content_management::{AttachUpload, ContentId, ContentManagement};
use nexus_contracts::puabo_dsp_upload_mgr::source_key;
use nexus_kernel::blobs::BlobError;
use nexus_kernel::store::Scope;
use nexus_kernel::{Context, Problem};

use crate::container::{self, HEAD_BYTES};
use crate::upload::{StoredUpload, UploadState};
use crate::{part, removal, store};

/// The job's name.
pub(crate) const JOB: &str = "check";
/// How many uploads are checked at once, and how many are read at once.
const AT_ONCE: usize = 4;
const BATCH: i64 = 100;

/// Checks what waits. One that can't be checked now does not keep the others waiting.
pub(crate) async fn work(ctx: Context) -> Result<(), Problem> {
    let waiting = store::unchecked(&mut ctx.store.read(Scope::System), BATCH).await?;
    let results: Vec<_> =
        futures::stream::iter(waiting).map(|stored| check(&ctx, stored)).buffer_unordered(AT_ONCE).collect().await;
    results.into_iter().collect()
}

async fn check(ctx: &Context, stored: StoredUpload) -> Result<(), Problem> {
    let span = tracing::info_span!("check", service = ctx.service, upload = %stored.upload.id);
    stored.cause.resume(span, check_now(ctx, &stored)).await
}

async fn check_now(ctx: &Context, stored: &StoredUpload) -> Result<(), Problem> {
    let path = part::path(ctx, stored.upload.id).map_err(Problem::internal)?;
    match part::head(&path, HEAD_BYTES).await {
        Ok(head) => match container::check(&head) {
            Ok(()) => accept(ctx, stored, &path).await,
            Err(reason) => refuse(ctx, stored, &reason.to_string()).await,
        },
        Err(error) if error.kind() == ErrorKind::NotFound => resume(ctx, stored).await,
        Err(error) => Err(Problem::internal(error)),
    }
}

async fn refuse(ctx: &Context, stored: &StoredUpload, reason: &str) -> Result<(), Problem> {
    tracing::info!(upload = %stored.upload.id, reason, "an upload is no media");
    let mut tx = ctx.store.begin(stored.tenant).await?;
    store::refuse(&mut tx, stored.upload.id, reason, ctx.clock.now()).await?;
    tx.commit().await?;
    part::remove(ctx, stored.upload.id).await.map_err(Problem::internal)
}

async fn accept(ctx: &Context, stored: &StoredUpload, path: &Path) -> Result<(), Problem> {
    ctx.blobs.put_file(&source_key(stored.tenant, stored.upload.id), path).await?;
    attach(ctx, stored).await
}

/// Goes on with an upload whose file is not here: a crash came after it was moved, or another instance of the service has it.
async fn resume(ctx: &Context, stored: &StoredUpload) -> Result<(), Problem> {
    match ctx.blobs.size(&source_key(stored.tenant, stored.upload.id)).await {
        Ok(size) if size == stored.upload.size => attach(ctx, stored).await,
        Ok(_) | Err(BlobError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn attach(ctx: &Context, stored: &StoredUpload) -> Result<(), Problem> {
    let order = AttachUpload {
        upload_id: stored.upload.id,
        tenant: stored.tenant,
        owner: stored.owner,
        title: stored.metadata.title.clone(),
        source_key: source_key(stored.tenant, stored.upload.id),
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
