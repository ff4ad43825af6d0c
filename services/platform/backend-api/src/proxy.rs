//! Forwards a request to the service whose prefix it has.

use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use nexus_kernel::mesh::MeshError;
use nexus_kernel::registry::ServiceEntry;
use nexus_kernel::{Context, Problem};

use crate::client::{Client, FORWARDED_FOR};
use crate::inflow::{self, Allowed, Inflow};

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
pub(crate) async fn forward(context: &Context, entry: &ServiceEntry, request: Request) -> Response {
    match exchange(context, entry, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn exchange(context: &Context, entry: &ServiceEntry, request: Request) -> Result<Response, Problem> {
    let timeout = Duration::from_secs(context.config.gateway.timeout_seconds.max(1));
    let allowed = allowed(context, &request, timeout);
    if let Allowed::Whole { bytes, .. } = allowed
        && content_length(request.headers()).is_some_and(|length| length > bytes)
    {
        return Err(inflow::too_large());
    }
    let (mut parts, body) = request.into_parts();
    let client = parts.extensions.get::<Client>().copied();
    claim(&mut parts.headers, client);
    parts.uri = target(&parts.uri)?;
    let (body, fate) = Inflow::wrap(body, allowed);
    let request = Request::from_parts(parts, body);
    let answer = context.mesh.to(&entry.name).timeout(timeout).forward(request).await;
    // A service that saw its body break off has its own words for it; the client should read why.
    if let Some(refusal) = fate.refusal() {
        return Err(refusal);
    }
    match answer {
        Ok(response) => Ok(response),
        Err(MeshError::Timeout { .. }) if fate.is_coming() => Err(inflow::too_slow()),
        Err(error) => Err(failed(entry, error)),
    }
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
fn claim(headers: &mut HeaderMap, client: Option<Client>) {
    for name in &CLAIMS {
        headers.remove(name);
    }
    let address = client.and_then(|client| HeaderValue::try_from(client.address.to_string()).ok());
    if let Some(address) = address {
        headers.insert(FORWARDED_FOR, address);
    }
}

/// Path and query alone: HTTP/2 and proxies' requests name our host too.
fn target(uri: &Uri) -> Result<Uri, Problem> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    target.parse().map_err(|_| Problem::bad_request("invalid-path", "this path is not taken"))
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
