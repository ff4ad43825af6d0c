//! What content-management publishes. It listens to nothing: others report to it.

use nexus_contracts::content_management::{
    ContentDeleted, ContentMediaAttached, ContentMediaFailed, ContentPublished, ContentUnpublished,
};
use nexus_kernel::store::{StoreError, Tx};

use crate::content::StoredContent;

/// An item got a file.
pub(crate) async fn media_attached(tx: &mut Tx, stored: &StoredContent) -> Result<(), StoreError> {
    let Some(source) = stored.source.clone() else { return Ok(()) };
    let event =
        ContentMediaAttached { content_id: stored.content.id, upload_id: source.upload_id, source_key: source.key };
    tx.publish(&event).await
}

/// An item's file can't be played.
pub(crate) async fn media_failed(
    tx: &mut Tx,
    stored: &StoredContent,
    error: String,
    retryable: bool,
) -> Result<(), StoreError> {
    let Some(source) = stored.source.clone() else { return Ok(()) };
    let event = ContentMediaFailed {
        content_id: stored.content.id,
        upload_id: source.upload_id,
        source_key: source.key,
        error,
        retryable,
    };
    tx.publish(&event).await
}

/// An item is out.
pub(crate) async fn published(tx: &mut Tx, stored: &StoredContent) -> Result<(), StoreError> {
    let content = &stored.content;
    let event =
        ContentPublished { content_id: content.id, title: content.title.clone(), visibility: content.visibility };
    tx.publish(&event).await
}

/// An item was taken back.
pub(crate) async fn unpublished(tx: &mut Tx, stored: &StoredContent) -> Result<(), StoreError> {
    tx.publish(&ContentUnpublished { content_id: stored.content.id }).await
}

/// An item is gone.
pub(crate) async fn deleted(tx: &mut Tx, stored: &StoredContent) -> Result<(), StoreError> {
    let upload_id = stored.source.as_ref().map(|source| source.upload_id);
    tx.publish(&ContentDeleted { content_id: stored.content.id, upload_id }).await
}
