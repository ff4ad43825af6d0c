//! What becomes of a complete upload: media goes into the blob store and becomes a content item, anything else is refused.
//!
//! Every step can be repeated, and the file is whole in one of two places at any moment, so that a crash anywhere only means
//! going on, here or at another instance.

use futures::StreamExt;
use nexus_contracts::content_management::{AttachUpload, ContentId, ContentManagement};
use nexus_contracts::puabo_dsp_upload_mgr::source_key;
use nexus_kernel::blobs::BlobError;
use nexus_kernel::store::Scope;
use nexus_kernel::{Context, Problem};

use crate::container::{self, HEAD_BYTES};
use crate::part::Chunk;
use crate::receive::Receivers;
use crate::upload::{StoredUpload, UploadState};
use crate::{lease, part, removal, store};

/// The job's name.
pub(crate) const JOB: &str = "check";
/// How many uploads are checked at once, and how many are read at once.
const AT_ONCE: usize = 4;
const BATCH: i64 = 100;
/// Why a file is refused whose bytes are not there any more.
const LOST: &str = "the server has lost a part of the file; upload it again";

/// Checks what waits. One that can't be checked now does not keep the others waiting.
pub(crate) async fn work(ctx: Context) -> Result<(), Problem> {
    let waiting = store::unchecked(&mut ctx.store.read(Scope::System), BATCH).await?;
    let results: Vec<_> =
        futures::stream::iter(waiting).map(|stored| check(&ctx, stored)).buffer_unordered(AT_ONCE).collect().await;
    results.into_iter().collect()
}

/// Checks one upload, unless another instance of the service is at it.
async fn check(ctx: &Context, stored: StoredUpload) -> Result<(), Problem> {
    let (tenant, id) = (stored.tenant, stored.upload.id);
    let receivers = ctx.state::<Receivers>();
    if !lease::claim(ctx, tenant, id, &receivers.checker).await? {
        return Ok(());
    }
    let span = tracing::info_span!("check", service = ctx.service, upload = %id);
    let checked = stored.cause.resume(span, check_now(ctx, &stored));
    lease::during(ctx, tenant, id, &receivers.checker, Box::pin(checked)).await.unwrap_or(Ok(()))
}

async fn check_now(ctx: &Context, stored: &StoredUpload) -> Result<(), Problem> {
    if !is_waiting(ctx, stored).await? {
        return Ok(());
    }
    if is_kept(ctx, stored).await? {
        return attach(ctx, stored).await;
    }
    let chunks = store::chunks(&mut ctx.store.read(stored.tenant), stored.upload.id).await?;
    match accept(ctx, stored, &chunks).await {
        // Another instance that had it for a while was faster.
        Err(BlobError::NotFound(_)) if !is_waiting(ctx, stored).await? => Ok(()),
        Err(BlobError::NotFound(_)) if is_kept(ctx, stored).await? => attach(ctx, stored).await,
        Err(BlobError::NotFound(key)) => {
            tracing::error!(upload = %stored.upload.id, key, "a blob of an upload is gone");
            refuse(ctx, stored, LOST).await
        }
        Err(error) => Err(error.into()),
        Ok(Verdict::Refused(reason)) => refuse(ctx, stored, &reason).await,
        Ok(Verdict::Kept) => attach(ctx, stored).await,
    }
}

/// Whether nobody was faster.
async fn is_waiting(ctx: &Context, stored: &StoredUpload) -> Result<bool, Problem> {
    let now = store::by_id(&mut ctx.store.read(stored.tenant), stored.upload.id).await?;
    Ok(now.is_some_and(|now| now.upload.state == UploadState::Checking))
}

/// Whether the file is in its place already: a crash came after that.
async fn is_kept(ctx: &Context, stored: &StoredUpload) -> Result<bool, Problem> {
    match ctx.blobs.size(&source_key(stored.tenant, stored.upload.id)).await {
        Ok(size) => Ok(size == stored.upload.size),
        Err(BlobError::NotFound(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

enum Verdict {
    Kept,
    Refused(String),
}

/// Puts a file that is media in its place.
async fn accept(ctx: &Context, stored: &StoredUpload, chunks: &[Chunk]) -> Result<Verdict, BlobError> {
    if !part::is_whole(chunks, stored.upload.size) {
        return Ok(Verdict::Refused(LOST.to_owned()));
    }
    if let Err(reason) = container::check(&part::head(&ctx.blobs, chunks, HEAD_BYTES).await?) {
        return Ok(Verdict::Refused(reason.to_string()));
    }
    let place = source_key(stored.tenant, stored.upload.id);
    part::compose(&ctx.blobs, chunks, stored.upload.size, &place).await?;
    Ok(Verdict::Kept)
}

async fn refuse(ctx: &Context, stored: &StoredUpload, reason: &str) -> Result<(), Problem> {
    tracing::info!(upload = %stored.upload.id, reason, "an upload is refused");
    let mut tx = ctx.store.begin(stored.tenant).await?;
    store::refuse(&mut tx, stored.upload.id, reason, ctx.clock.now()).await?;
    store::forget_chunks(&mut tx, stored.upload.id).await?;
    tx.commit().await?;
    Ok(part::remove(ctx, stored.upload.id).await?)
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
    store::forget_chunks(&mut tx, id).await?;
    tx.commit().await?;
    Ok(part::remove(ctx, id).await?)
}
