//! A request's body on its way in: counted, so that it can't be larger than its route allows, and timed, so that a client that
//! sends a byte now and then can't hold a place forever.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use nexus_kernel::Problem;
use tokio::time::{Instant, Sleep, sleep};

use crate::overload::Place;

/// What a route lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// At most so many bytes, all of them within the time.
    Whole { bytes: u64, within: Duration },
    /// A stream without an end, as long as it moves: never this long without a byte.
    Stream { idle: Duration },
}

/// What became of the body, for whoever writes the reply.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate(Arc<AtomicU8>);

const COMING: u8 = 0;
const ENDED: u8 = 1;
const TOO_LARGE: u8 = 2;
const TOO_SLOW: u8 = 3;

impl Fate {
    /// The refusal that the client earned, if it did.
    pub(crate) fn refusal(&self) -> Option<Problem> {
        match self.0.load(Ordering::Relaxed) {
            TOO_LARGE => Some(too_large()),
            TOO_SLOW => Some(too_slow()),
            _ => None,
        }
    }

    /// Whether the client still owes a part of it.
    pub(crate) fn is_coming(&self) -> bool {
        self.0.load(Ordering::Relaxed) == COMING
    }

    fn set(&self, fate: u8) {
        self.0.store(fate, Ordering::Relaxed);
    }
}

pub(crate) fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large")
        .detail("send less; files go to /api/dsp/upload/files in resumable pieces")
}

pub(crate) fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", "Request too slow")
        .detail("the body did not arrive in time; send it again")
}

pub(crate) struct Inflow {
    inner: Body,
    left: Option<u64>,
    idle: Option<Duration>,
    timer: Pin<Box<Sleep>>,
    fate: Fate,
    /// What the service's work counts from, once it has the whole body.
    place: Option<Arc<Place>>,
}

impl Inflow {
    pub(crate) fn wrap(inner: Body, allowed: Allowed, place: Option<Arc<Place>>) -> (Body, Fate) {
        let fate = Fate::default();
        if inner.is_end_stream() {
            fate.set(ENDED);
        }
        let (left, idle, first) = match allowed {
            Allowed::Whole { bytes, within } => (Some(bytes), None, within),
            Allowed::Stream { idle } => (None, Some(idle), idle),
        };
        let inflow = Self { inner, left, idle, timer: Box::pin(sleep(first)), fate: fate.clone(), place };
        (Body::new(inflow), fate)
    }

    fn take(&mut self, frame: &Frame<Bytes>) -> Result<(), axum::Error> {
        if let Some(idle) = self.idle {
            self.timer.as_mut().reset(Instant::now() + idle);
        }
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(length).ok_or_else(|| {
                self.fate.set(TOO_LARGE);
                axum::Error::new(too_large())
            })?;
        }
        // A body that says its length is not asked for more than that.
        if self.inner.is_end_stream() {
            self.end();
        }
        Ok(())
    }

    fn end(&mut self) {
        self.fate.set(ENDED);
        if let Some(place) = self.place.take() {
            place.work();
        }
    }
}

impl HttpBody for Inflow {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(match frame {
                Some(Ok(frame)) => Some(self.take(&frame).map(|()| frame)),
                Some(Err(error)) => Some(Err(error)),
                None => {
                    self.end();
                    None
                }
            });
        }
        ready!(self.timer.as_mut().poll(cx));
        self.fate.set(TOO_SLOW);
        Poll::Ready(Some(Err(axum::Error::new(too_slow()))))
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
    use http_body_util::BodyExt;

    use super::*;

    fn pieces(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> =
            pieces.iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))).collect();
        Body::from_stream(futures::stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
        let allowed = Allowed::Whole { bytes: 6, within: Duration::from_mins(1) };
        let (body, fate) = Inflow::wrap(pieces(&["abc", "def"]), allowed, None);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abcdef");
        assert!(fate.refusal().is_none() && !fate.is_coming());
        let (body, fate) = Inflow::wrap(pieces(&["abc", "defg"]), allowed, None);
        assert!(body.collect().await.is_err());
        assert_eq!(fate.refusal().unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        for allowed in [
            Allowed::Whole { bytes: 6, within: Duration::from_secs(30) },
            Allowed::Stream { idle: Duration::from_secs(30) },
        ] {
            let (body, fate) =
                Inflow::wrap(Body::from_stream(futures::stream::pending::<std::io::Result<Bytes>>()), allowed, None);
            assert!(fate.is_coming());
            assert!(body.collect().await.is_err());
            assert_eq!(fate.refusal().unwrap().status(), StatusCode::REQUEST_TIMEOUT);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_moves_may_take_its_time() {
        let drops = futures::stream::unfold(0, |sent| async move {
            sleep(Duration::from_secs(20)).await;
            (sent < 100).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b"drop")), sent + 1))
        });
        let (body, _) = Inflow::wrap(Body::from_stream(drops), Allowed::Stream { idle: Duration::from_secs(30) }, None);
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 400);
    }
}
