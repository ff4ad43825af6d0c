//! One line a request, written when the reply's last byte has gone. Paths are named by their prefix, and neither queries nor
//! headers are: both carry secrets.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use nexus_kernel::scope::RequestScope;
use tokio::time::Instant;

use crate::way::Way;

/// The layer.
pub(crate) async fn write(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<Way>().map_or("unmatched", Way::label);
    let request_id = RequestScope::current().map(|scope| scope.request_id).unwrap_or_default();
    let response = next.run(request).await;
    let entry = Entry { method, route, request_id, status: response.status(), started, bytes: 0 };
    response.map(|inner| Body::new(Logged { inner, entry }))
}

struct Entry {
    method: Method,
    route: &'static str,
    request_id: String,
    status: StatusCode,
    started: Instant,
    bytes: u64,
}

/// Also for a reply that is not read to its end: the line then has what was sent.
impl Drop for Entry {
    fn drop(&mut self) {
        let ms = (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        tracing::info!(
            target: "access",
            method = %self.method,
            route = self.route,
            status = self.status.as_u16(),
            ms,
            bytes = self.bytes,
            request_id = self.request_id,
            "served"
        );
    }
}

struct Logged {
    inner: Body,
    entry: Entry,
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref) {
            self.entry.bytes += data.len() as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
