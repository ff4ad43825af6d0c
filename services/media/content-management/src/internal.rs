//! What other services ask and report.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use http::StatusCode;
use nexus_contracts::content_management::{AttachUpload, AttachedContent, ContentFacts, ContentId, MediaReport};
use nexus_contracts::{puabo_dsp_upload_mgr, streaming_service_v2};
use nexus_kernel::auth::Caller;
use nexus_kernel::{Context, Problem};
use utoipa_axum::router::OpenApiRouter;

use crate::content::StoredContent;
use crate::error::Error;
use crate::media::Change;
use crate::{events, store};

/// The routes that only the mesh reaches.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .route("/internal/content", post(attach_upload))
        .route("/internal/content/{id}", get(facts))
        .route("/internal/content/{id}/media", put(report_media))
}

/// Makes the item of a finished upload; the same upload always gives the same item.
async fn attach_upload(
    State(ctx): State<Context>,
    caller: Caller,
    Json(upload): Json<AttachUpload>,
) -> Result<Json<AttachedContent>, Problem> {
    caller.must_be(&[puabo_dsp_upload_mgr::SERVICE])?;
    let upload_id = upload.upload_id;
    let mut tx = ctx.store.begin(upload.tenant).await?;
    if let Some(content_id) = store::attached(&mut tx, upload_id).await? {
        return Ok(Json(AttachedContent { content_id }));
    }
    let stored = StoredContent::of_upload(ContentId(ctx.ids.next()), upload, ctx.clock.now());
    let content_id = stored.content.id;
    store::attach(&mut tx, upload_id, content_id).await?;
    store::insert(&mut tx, &stored).await?;
    events::media_attached(&mut tx, &stored).await?;
    tx.commit().await?;
    Ok(Json(AttachedContent { content_id }))
}

/// What services that deliver an item need to know; they apply their own policies to it.
async fn facts(
    State(ctx): State<Context>,
    caller: Caller,
    Path(id): Path<ContentId>,
) -> Result<Json<ContentFacts>, Problem> {
    caller.must_be(&[streaming_service_v2::SERVICE])?;
    let stored = store::of_any_tenant(&ctx, id).await?.ok_or(Error::NotFound)?;
    Ok(Json(stored.facts()))
}

/// Notes how far an item's media is.
async fn report_media(
    State(ctx): State<Context>,
    caller: Caller,
    Path(id): Path<ContentId>,
    Json(report): Json<MediaReport>,
) -> Result<StatusCode, Problem> {
    caller.must_be(&[streaming_service_v2::SERVICE])?;
    let tenant = store::of_any_tenant(&ctx, id).await?.ok_or(Error::NotFound)?.tenant;
    let mut tx = ctx.store.begin(tenant).await?;
    let stored = store::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let media = stored.content.media.as_ref().ok_or(Error::NoMedia)?;
    match media.after(&report) {
        Change::None => return Ok(StatusCode::NO_CONTENT),
        Change::To(media) => {
            store::update_media(&mut tx, id, &media).await?;
        }
        Change::Failed { media, error, retryable } => {
            store::update_media(&mut tx, id, &media).await?;
            events::media_failed(&mut tx, &stored, error, retryable).await?;
        }
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
