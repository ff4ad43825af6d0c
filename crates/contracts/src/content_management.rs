//! What others say to content-management, and what it announces: the life of a content item and of its media.

use nexus_kernel::events::Event;
use nexus_kernel::id_type;
use nexus_kernel::mesh::{Mesh, MeshError};
use nexus_kernel::{TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The service's name.
pub const SERVICE: &str = "content-management";

/// The most characters that a title has.
pub const MAX_TITLE_CHARACTERS: usize = 200;

id_type!(
    /// A content item's id.
    ContentId
);

/// Who may watch a published item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Anybody, signed in or not.
    Public,
    /// Everybody who is signed in to the same organisation.
    Members,
    /// Its owner and the organisation's editors.
    Private,
}

impl Visibility {
    /// The name, as in JSON, SQL and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Members => "members",
            Self::Private => "private",
        }
    }
}

/// Whether an item is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Only editors see it.
    Draft,
    /// Its visibility decides who sees it.
    Published,
}

impl Status {
    /// The name, as in JSON, SQL and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
        }
    }
}

/// Where an item's media is on its way from file to stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MediaState {
    /// It is being made ready.
    Processing,
    /// It can be played.
    Ready,
    /// It can't be made ready; `error` says why.
    Failed,
}

impl MediaState {
    /// The name, as in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// Asks for the content item of a finished upload. The same `upload_id` always gives the same item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachUpload {
    /// The upload that this is about.
    pub upload_id: Uuid,
    /// The organisation that it belongs to.
    pub tenant: TenantId,
    /// The person who uploaded it.
    pub owner: UserId,
    /// The item's title; at most [`MAX_TITLE_CHARACTERS`].
    pub title: String,
    /// The source file's key in the blob store.
    pub source_key: String,
}

/// The item of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedContent {
    /// The item's id.
    pub content_id: ContentId,
}

/// How far an item's media is, as the service that makes it ready reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum MediaReport {
    /// It is being made ready.
    Processing {
        /// From 0 to 1.
        progress: f64,
    },
    /// It can be played.
    Ready {
        /// How long it plays, in milliseconds.
        duration_ms: u64,
        /// The best rendition's width in pixels; absent when there is no picture.
        width: Option<u32>,
        /// The best rendition's height in pixels; absent when there is no picture.
        height: Option<u32>,
    },
    /// It can't be made ready.
    Failed {
        /// Why, for a person.
        error: String,
        /// Whether trying again may help, so that the source must stay.
        retryable: bool,
    },
}

/// What a service that delivers an item must know about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentFacts {
    /// The item.
    pub id: ContentId,
    /// The organisation that it belongs to.
    pub tenant: TenantId,
    /// The person who made it.
    pub owner: UserId,
    /// Who may watch it.
    pub visibility: Visibility,
    /// Whether it is out.
    pub status: Status,
    /// Where its media is; absent when it has none.
    pub media: Option<MediaState>,
    /// How long it plays, in milliseconds; absent until that is known.
    pub duration_ms: Option<u64>,
    /// When it was published last.
    pub published_at: Option<Timestamp>,
}

/// An item got a source file, to be made ready for play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentMediaAttached {
    /// The item.
    pub content_id: ContentId,
    /// The upload that brought the file.
    pub upload_id: Uuid,
    /// The file's key in the blob store.
    pub source_key: String,
}

impl Event for ContentMediaAttached {
    const TYPE: &'static str = "content-management.content.media-attached.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.content_id.to_string()
    }
}

/// An item's media can't be made ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentMediaFailed {
    /// The item.
    pub content_id: ContentId,
    /// The upload that brought the file.
    pub upload_id: Uuid,
    /// The file's key in the blob store.
    pub source_key: String,
    /// Why, for a person.
    pub error: String,
    /// Whether trying again may help, so that the source must stay.
    pub retryable: bool,
}

impl Event for ContentMediaFailed {
    const TYPE: &'static str = "content-management.content.media-failed.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.content_id.to_string()
    }
}

/// An item is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentPublished {
    /// The item.
    pub content_id: ContentId,
    /// Its title at that moment.
    pub title: String,
    /// Who may watch it.
    pub visibility: Visibility,
}

impl Event for ContentPublished {
    const TYPE: &'static str = "content-management.content.published.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.content_id.to_string()
    }
}

/// An item was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentUnpublished {
    /// The item.
    pub content_id: ContentId,
}

impl Event for ContentUnpublished {
    const TYPE: &'static str = "content-management.content.unpublished.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.content_id.to_string()
    }
}

/// An item is gone; whatever was made of it must go too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentDeleted {
    /// The item.
    pub content_id: ContentId,
    /// The upload that brought its file; absent when it had none.
    pub upload_id: Option<Uuid>,
}

impl Event for ContentDeleted {
    const TYPE: &'static str = "content-management.content.deleted.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.content_id.to_string()
    }
}

/// Calls content-management.
#[derive(Debug, Clone)]
pub struct ContentManagement<'a> {
    mesh: &'a Mesh,
}

impl<'a> ContentManagement<'a> {
    /// A client that calls over this mesh.
    pub fn new(mesh: &'a Mesh) -> Self {
        Self { mesh }
    }

    /// Makes the item of a finished upload, or finds the one that it already has.
    pub async fn attach_upload(&self, upload: &AttachUpload) -> Result<AttachedContent, MeshError> {
        self.mesh.to(SERVICE).post("/internal/content").json(upload).idempotent().send().await?.json().await
    }

    /// Says how far an item's media is. 404 when the item is gone.
    pub async fn report_media(&self, content: ContentId, report: &MediaReport) -> Result<(), MeshError> {
        let path = format!("/internal/content/{content}/media");
        self.mesh.to(SERVICE).put(&path).json(report).idempotent().send().await.map(drop)
    }

    /// What is known about an item, whatever its tenant. 404 when the item is gone.
    pub async fn facts(&self, content: ContentId) -> Result<ContentFacts, MeshError> {
        let path = format!("/internal/content/{content}");
        self.mesh.to(SERVICE).get(&path).send().await?.json().await
    }
}
