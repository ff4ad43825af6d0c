//! What streamcore publishes: how each job moves on and ends. It listens to nothing.

use nexus_contracts::streamcore::{JobFailed, JobProgressed, JobSucceeded};
use nexus_kernel::store::{StoreError, Tx};

use crate::job::StoredJob;
use crate::transcode::Product;

/// The job is this far, or waits again.
pub(crate) async fn progressed(tx: &mut Tx, stored: &StoredJob, progress: f64) -> Result<(), StoreError> {
    tx.publish(&JobProgressed { job_id: stored.job.id, content_id: stored.job.content_id, progress }).await
}

/// The job's renditions can be played.
pub(crate) async fn succeeded(
    tx: &mut Tx,
    stored: &StoredJob,
    rendition: &str,
    product: &Product,
) -> Result<(), StoreError> {
    tx.publish(&JobSucceeded {
        job_id: stored.job.id,
        content_id: stored.job.content_id,
        duration_ms: u64::try_from(product.duration.as_millis()).unwrap_or(u64::MAX),
        width: product.size.map(|(width, _)| width),
        height: product.size.map(|(_, height)| height),
        rendition: rendition.to_owned(),
    })
    .await
}

/// The job gave up.
pub(crate) async fn failed(tx: &mut Tx, stored: &StoredJob, error: &str, retryable: bool) -> Result<(), StoreError> {
    let (job_id, content_id) = (stored.job.id, stored.job.content_id);
    tx.publish(&JobFailed { job_id, content_id, error: error.to_owned(), retryable }).await
}
