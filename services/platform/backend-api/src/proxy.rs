//! Forwards a request to the service whose prefix it has.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use http_body::Body as _;
use nexus_kernel::mesh::MeshError;
use nexus_kernel::registry::ServiceEntry;
use nexus_kernel::{Context, Problem};

use crate::client::{Client, FORWARDED_FOR};
use crate::inflow::{self, Allowed, Inflow};
use crate::overload::Place;

/// Where files come in, as pieces of any size; the service knows how much it expects.
const STREAMED: &str = "/api/dsp/upload/";
/// The media type of such a piece (tus 1.0, PATCH).
const PIECE: &str = "application/offset+octet-stream";

/// What a client could say about itself, or about the way to us, and services must not believe.
const CLAIMS: [HeaderName; 6] = [
    HeaderName::from_static("forwarded"),
    FORWARDED_FOR,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// Forwards the request and streams the answer back.
pub(crate) async fn forward(
    context: &Context,
    entry: &ServiceEntry,
    client: Client,
    place: Place,
    request: &mut Request,
) -> Response {
    match exchange(context, entry, client, place, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn exchange(
    context: &Context,
    entry: &ServiceEntry,
    client: Client,
    place: Place,
    request: &mut Request,
) -> Result<Response, Problem> {
    let timeout = Duration::from_secs(context.config.gateway.timeout_seconds.max(1));
    claim(request.headers_mut(), client);
    target(request.uri_mut());
    let target = context.mesh.to(&entry.name).timeout(timeout);
    if request.body().is_end_stream() {
        place.work();
        return told(entry, &place, target.forward(mem::take(request)).await);
    }
    let allowed = allowed(context, request, timeout);
    if let Allowed::Whole { bytes, .. } = allowed
        && content_length(request.headers()).is_some_and(|length| length > bytes)
    {
        return Err(inflow::too_large());
    }
    let (parts, body) = mem::take(request).into_parts();
    let place = Arc::new(place);
    // A file takes as long as its sender needs, and says nothing about the service.
    let working = matches!(allowed, Allowed::Whole { .. }).then(|| Arc::clone(&place));
    let (body, fate) = Inflow::wrap(body, allowed, working);
    let answer = target.forward(Request::from_parts(parts, body)).await;
    // A service that saw its body break off has its own words for it; the client should read why.
    if let Some(refusal) = fate.refusal() {
        return Err(refusal);
    }
    match answer {
        Err(MeshError::Timeout { .. }) if fate.is_coming() => Err(inflow::too_slow()),
        answer => told(entry, &place, answer),
    }
}

/// Tells the service's door how long the answer took, where that says anything.
fn told(entry: &ServiceEntry, place: &Place, answer: Result<Response, MeshError>) -> Result<Response, Problem> {
    let speaks = match &answer {
        Ok(response) => response.status() != StatusCode::SWITCHING_PROTOCOLS && !is_event_stream(response.headers()),
        Err(MeshError::Timeout { .. }) => true,
        Err(_) => false,
    };
    if speaks {
        place.answered();
    }
    answer.map_err(|error| failed(entry, error))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

fn allowed(context: &Context, request: &Request, timeout: Duration) -> Allowed {
    let piece = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PIECE);
    let uploads = [Method::PATCH, Method::POST].contains(request.method());
    if piece && uploads && request.uri().path().starts_with(STREAMED) {
        return Allowed::Stream { idle: timeout };
    }
    Allowed::Whole { bytes: context.config.gateway.body_limit as u64, within: timeout }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The service learns the client's address from us alone.
fn claim(headers: &mut HeaderMap, client: Client) {
    // Few have any, and a look at those that are there costs less than asking for each.
    while let Some(name) = headers.keys().find(|name| CLAIMS.contains(name)).cloned() {
        headers.remove(name);
    }
    if let Ok(address) = HeaderValue::try_from(client.address.to_string()) {
        headers.insert(FORWARDED_FOR, address);
    }
}

/// Path and query alone: HTTP/2 and proxies' requests name our host too.
fn target(uri: &mut Uri) {
    if uri.scheme().is_some() || uri.authority().is_some() {
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *uri = Uri::from(path);
    }
}

fn failed(entry: &ServiceEntry, error: MeshError) -> Problem {
    match error {
        MeshError::Transport { .. } | MeshError::Unreadable { .. } => {
            tracing::warn!(%error, "a service gave no usable answer");
            Problem::new(StatusCode::BAD_GATEWAY, "bad-gateway", "No usable answer")
                .detail(format!("{} could not be reached or broke off; try again", entry.name))
        }
        other => other.into(),
    }
}
