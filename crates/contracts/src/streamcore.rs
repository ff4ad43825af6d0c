//! What others say to streamcore, and what it announces: transcode jobs.

use nexus_kernel::TenantId;
use nexus_kernel::events::Event;
use nexus_kernel::id_type;
use nexus_kernel::mesh::{Mesh, MeshError};
use serde::{Deserialize, Serialize};

pub use crate::content_management::ContentId;

/// The service's name.
pub const SERVICE: &str = "streamcore";

/// The file that a player opens, below [`rendition_prefix`].
pub const MASTER_PLAYLIST: &str = "master.m3u8";

id_type!(
    /// A transcode job's id.
    JobId
);

/// Below what all renditions of a content item are in the blob store.
pub fn output_prefix(tenant: TenantId, content: ContentId) -> String {
    format!("streamcore/{tenant}/{content}")
}

/// Where the renditions of one attempt are, that nobody else writes to. Items from before there were attempts have none:
/// their name is empty.
pub fn rendition_prefix(tenant: TenantId, content: ContentId, rendition: &str) -> String {
    let all = output_prefix(tenant, content);
    if rendition.is_empty() { all } else { format!("{all}/{rendition}") }
}

/// Orders a transcode. The same content and source always give the same job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTranscode {
    /// The organisation that the content belongs to.
    pub tenant: TenantId,
    /// The content that the renditions are for.
    pub content_id: ContentId,
    /// The source file's key in the blob store.
    pub source_key: String,
}

/// The job of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedTranscode {
    /// The job's id.
    pub job_id: JobId,
}

/// A job moved on, or waits in the queue again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobProgressed {
    /// The job.
    pub job_id: JobId,
    /// The content that it is for.
    pub content_id: ContentId,
    /// From 0 to 1.
    pub progress: f64,
}

impl Event for JobProgressed {
    const TYPE: &'static str = "streamcore.job.progressed.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.content_id.to_string()
    }
}

/// A job's renditions are in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSucceeded {
    /// The job.
    pub job_id: JobId,
    /// The content that it is for.
    pub content_id: ContentId,
    /// How long it plays, in milliseconds.
    pub duration_ms: u64,
    /// The best rendition's width in pixels; absent when there is no picture.
    pub width: Option<u32>,
    /// The best rendition's height in pixels; absent when there is no picture.
    pub height: Option<u32>,
    /// Which attempt's renditions count, for [`rendition_prefix`].
    #[serde(default)]
    pub rendition: String,
}

impl Event for JobSucceeded {
    const TYPE: &'static str = "streamcore.job.succeeded.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.content_id.to_string()
    }
}

/// A job gave up and left nothing in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailed {
    /// The job.
    pub job_id: JobId,
    /// The content that it is for.
    pub content_id: ContentId,
    /// Why, for a person.
    pub error: String,
    /// Whether the same file may work another time: the machine failed, not the file.
    pub retryable: bool,
}

impl Event for JobFailed {
    const TYPE: &'static str = "streamcore.job.failed.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.content_id.to_string()
    }
}

/// Calls streamcore.
#[derive(Debug, Clone)]
pub struct Streamcore<'a> {
    mesh: &'a Mesh,
}

impl<'a> Streamcore<'a> {
    /// A client that calls over this mesh.
    pub fn new(mesh: &'a Mesh) -> Self {
        Self { mesh }
    }

    /// Orders a transcode, or finds the job that the order already has.
    pub async fn order(&self, order: &OrderTranscode) -> Result<OrderedTranscode, MeshError> {
        self.mesh.to(SERVICE).post("/internal/jobs").json(order).idempotent().send().await?.json().await
    }

    /// Stops a content item's jobs and removes what they made. Done already is done.
    pub async fn remove(&self, tenant: TenantId, content: ContentId) -> Result<(), MeshError> {
        let path = format!("/internal/tenants/{tenant}/content/{content}");
        self.mesh.to(SERVICE).delete(&path).idempotent().send().await.map(drop)
    }
}
