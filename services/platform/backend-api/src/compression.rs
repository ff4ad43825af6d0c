//! Compresses replies that are text. Media is compressed already, and a range is a range of the bytes as they are.

use http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, Predicate, SizeAbove};

type Compressible = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// Smaller replies fit a packet as they are, in bytes.
const SMALLEST: u64 = 1_024;
/// Brotli beyond this costs more time than it saves bytes.
const QUALITY: CompressionLevel = CompressionLevel::Precise(4);

const TEXTS: [&str; 9] = [
    "application/json",
    "application/problem+json",
    "application/javascript",
    "application/manifest+json",
    "application/openmetrics-text",
    "application/vnd.apple.mpegurl",
    "application/xml",
    "application/wasm",
    "image/svg+xml",
];

/// The layer.
pub(crate) fn layer() -> CompressionLayer<And<SizeAbove, Compressible>> {
    CompressionLayer::new()
        .quality(QUALITY)
        .compress_when(SizeAbove::new(SMALLEST).and(is_compressible as Compressible))
}

fn is_compressible(status: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else { return false };
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // Server-sent events must leave as they come.
    let text = kind.starts_with("text/") && kind != "text/event-stream";
    status != StatusCode::PARTIAL_CONTENT
        && !headers.contains_key(header::CONTENT_RANGE)
        && (text || TEXTS.contains(&kind))
}
