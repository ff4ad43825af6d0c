//! One line a request, written when the reply's last byte has gone. Paths are named by their prefix, and neither queries nor
//! headers are: both carry secrets.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http::{Method, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use nexus_kernel::Context as Kernel;
use nexus_kernel::scope::RequestScope;
use tokio::time::Instant;

use crate::way::Way;

/// Which requests get a line. Everybody does up to `gateway.log_per_second`, failures apart from the rest, so that neither
/// hides the other; beyond that they are counted, and the next line says how many. A flood then costs no disk.
pub(crate) struct AccessLog {
    began: Instant,
    per_second: u32,
    usual: Budget,
    failures: Budget,
}

/// What is left of a second's lines.
#[derive(Default)]
struct Budget {
    /// The second in the upper half, the lines of it in the lower.
    used: AtomicU64,
    skipped: AtomicU64,
}

/// What is known of a request when it begins.
pub(crate) struct Line {
    method: Method,
    route: &'static str,
    started: Instant,
}

impl AccessLog {
    pub(crate) fn new(context: &Kernel) -> Self {
        Self {
            began: Instant::now(),
            per_second: context.config.gateway.log_per_second,
            usual: Budget::default(),
            failures: Budget::default(),
        }
    }

    pub(crate) fn begin(request: &Request, way: Way) -> Line {
        Line { method: request.method().clone(), route: way.label(), started: Instant::now() }
    }

    /// The reply that writes its line when its last byte has gone.
    pub(crate) fn end(&self, line: Line, response: Response) -> Response {
        let status = response.status();
        let budget = if status.is_server_error() { &self.failures } else { &self.usual };
        let Some(skipped) = budget.take(self.began.elapsed().as_secs(), self.per_second) else { return response };
        let request_id = RequestScope::current().map(|scope| scope.request_id).unwrap_or_default();
        let entry = Entry { line, request_id, status, skipped, bytes: 0 };
        response.map(|inner| Body::new(Logged { inner, entry }))
    }
}

impl Budget {
    /// A line of this second, with how many requests had none since the last; `None` when the second's are used up.
    fn take(&self, second: u64, per_second: u32) -> Option<u64> {
        let used = self.used.load(Ordering::Relaxed);
        let lines = if used >> 32 == second { used & u64::from(u32::MAX) } else { 0 };
        if lines >= u64::from(per_second) {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        // Two at the same moment may count as one: a line too many does no harm.
        self.used.store(second << 32 | (lines + 1), Ordering::Relaxed);
        Some(self.skipped.swap(0, Ordering::Relaxed))
    }
}

struct Entry {
    line: Line,
    request_id: String,
    status: StatusCode,
    skipped: u64,
    bytes: u64,
}

/// Also for a reply that is not read to its end: the line then has what was sent.
impl Drop for Entry {
    fn drop(&mut self) {
        let ms = (self.line.started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        tracing::info!(
            target: "access",
            method = %self.line.method,
            route = self.line.route,
            status = self.status.as_u16(),
            ms,
            bytes = self.bytes,
            request_id = self.request_id,
            skipped = (self.skipped > 0).then_some(self.skipped),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_the_next_second_says_how_much_of_it_has_no_line() {
        let budget = Budget::default();
        let lines = |second| (0..10).filter_map(|_| budget.take(second, 3)).collect::<Vec<_>>();
        assert_eq!(lines(1), [0, 0, 0]);
        assert_eq!(lines(2), [7, 0, 0]);
        assert_eq!(budget.take(3, 0), None);
    }
}
