//! What others say to streaming-service-v2: where an item's playlist is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use nexus_kernel::Timestamp;

use crate::content_management::ContentId;

/// The service's name.
pub const SERVICE: &str = "streaming-service-v2";

/// How to play an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Playback {
    /// The item.
    pub content_id: ContentId,
    /// The HLS multivariant playlist (RFC 8216), as a path on the address that answered. It needs no token.
    #[schema(example = "/api/stream/hls/0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11/public-63f2b8a1c4d80/master.m3u8")]
    pub hls_url: String,
    /// A still picture of the item (JPEG), as a path on the address that answered.
    #[schema(example = "/api/stream/hls/0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11/public-63f2b8a1c4d80/poster.jpg")]
    pub poster_url: String,
    /// How long it plays, in milliseconds.
    #[schema(example = 93_500, minimum = 0)]
    pub duration_ms: u64,
    /// When the two addresses stop working; null when they do not.
    pub expires_at: Option<Timestamp>,
}
