//! Compresses replies that are text. Media is compressed already, and a range is a range of the bytes as they are.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Body;
use axum::response::Response;
use http::{Extensions, HeaderMap, HeaderValue, Request, StatusCode, Version, header};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

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

/// What the client can unpack.
pub(crate) struct Encodings(Vec<HeaderValue>);

impl Encodings {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(headers.get_all(header::ACCEPT_ENCODING).iter().cloned().collect())
    }
}

/// Makes a reply smaller that is worth it, as the client can unpack it.
pub(crate) async fn shrink(encodings: Encodings, response: Response) -> Response {
    if !worth().should_compress(&response) {
        return response;
    }
    // In a box, as what compresses is large, and every request would carry room for it.
    Box::pin(compressed(encodings, response)).await
}

async fn compressed(encodings: Encodings, response: Response) -> Response {
    let mut asked = Request::new(());
    for encoding in encodings.0 {
        asked.headers_mut().append(header::ACCEPT_ENCODING, encoding);
    }
    let mut answer = Some(response);
    let service = service_fn(move |_: Request<()>| ready(Ok::<_, Infallible>(answer.take().unwrap_or_default())));
    let layer = CompressionLayer::new().quality(QUALITY).compress_when(worth());
    let Ok(response) = layer.layer(service).oneshot(asked).await;
    response.map(Body::new)
}

fn worth() -> impl Predicate {
    SizeAbove::new(SMALLEST).and(is_compressible as Compressible)
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
