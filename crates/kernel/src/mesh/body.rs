//! Bodies that pass through the mesh without being gathered.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use super::balance::Permit;

/// A reply's body that counts as the instance's load until it is read or dropped.
pub(super) struct Counted {
    inner: Body,
    _permit: Permit,
}

impl Counted {
    pub(super) fn wrap(inner: Body, permit: Permit) -> Body {
        Body::new(Self { inner, _permit: permit })
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A request's body that can be had back as long as nobody began to read it.
pub(super) struct Lent {
    slot: Slot,
    begun: Option<Body>,
}

/// Where a lent body waits.
#[derive(Clone)]
pub(super) struct Slot(Arc<Mutex<Option<Body>>>);

impl Lent {
    pub(super) fn wrap(body: Body) -> (Body, Slot) {
        let slot = Slot(Arc::new(Mutex::new(Some(body))));
        (Body::new(Self { slot: slot.clone(), begun: None }), slot)
    }

    fn look<T>(&self, look: impl FnOnce(&Body) -> T) -> Option<T> {
        match &self.begun {
            Some(body) => Some(look(body)),
            None => self.slot.lock().as_ref().map(look),
        }
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Body>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body as it was, unless somebody began to read it.
    pub(super) fn take_back(&self) -> Option<Body> {
        self.lock().take()
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.begun.is_none() {
            self.begun = self.slot.take_back();
        }
        match &mut self.begun {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.look(HttpBody::is_end_stream).unwrap_or(true)
    }

    fn size_hint(&self) -> SizeHint {
        self.look(HttpBody::size_hint).unwrap_or_default()
    }
}

/// When a request's body last moved.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    started: Instant,
    moved_after_ms: Arc<AtomicU64>,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), moved_after_ms: Arc::default() }
    }

    fn moved(&self) {
        let after = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_after_ms.store(after, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.started + Duration::from_millis(self.moved_after_ms.load(Ordering::Relaxed))
    }

    /// The future's output, or `None` when it did not end within `limit` of the body's last movement.
    pub(super) async fn within<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        loop {
            let due = self.last() + limit;
            tokio::select! {
                biased;
                output = &mut future => return Some(output),
                () = sleep_until(due) => {
                    if self.last() + limit <= Instant::now() {
                        return None;
                    }
                }
            }
        }
    }
}

/// A request's body that tells when it moves.
pub(super) struct Watched {
    inner: Body,
    progress: Progress,
}

impl Watched {
    pub(super) fn wrap(inner: Body, progress: Progress) -> Body {
        Body::new(Self { inner, progress })
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        self.progress.moved();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
