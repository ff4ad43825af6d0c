//! A client's connection that ends when the client does not take part: when it says nothing at its beginning, or does not take
//! what is sent to it.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::connections::Place;

/// How long a connection may take to say which protocol it speaks.
pub(crate) const OPENING: Duration = Duration::from_secs(15);
/// How long a client may take none of what waits for it.
const STALL: Duration = Duration::from_mins(1);
/// So many bytes tell HTTP/2 from HTTP/1 (RFC 9113 section 3.4).
const PREFACE: usize = 24;

/// A watched connection; holds its place until it ends.
pub(crate) struct ClientStream<S> {
    inner: S,
    opening: Option<(Pin<Box<Sleep>>, usize)>,
    stall: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl<S> ClientStream<S> {
    pub(crate) fn new(inner: S, place: Place) -> Self {
        Self { inner, opening: Some((Box::pin(sleep(OPENING)), 0)), stall: None, _place: place }
    }

    /// A write that waits is given a while.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client does not take its reply")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let Some((timer, seen)) = &mut self.opening else { return read };
        *seen += buffer.filled().len() - before;
        if *seen >= PREFACE {
            self.opening = None;
        } else if read.is_pending() {
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client did not begin")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use nexus_kernel::config::Config;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::connections::Connections;

    fn watched(inner: tokio::io::DuplexStream) -> ClientStream<tokio::io::DuplexStream> {
        let place = Connections::new(&Config::default().gateway).enter(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        ClientStream::new(inner, place)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_begins_is_left() {
        let (mut client, server) = duplex(64);
        client.write_all(b"PRI * HTTP/2").await.unwrap();
        let mut read = vec![0; 64];
        let mut server = watched(server);
        assert_eq!(server.read(&mut read).await.unwrap(), 12);
        assert_eq!(server.read(&mut read).await.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_began_may_be_silent() {
        let (mut client, server) = duplex(64);
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut server = watched(server);
        let mut read = vec![0; 64];
        assert_eq!(server.read(&mut read).await.unwrap(), 27);
        let silence = tokio::time::timeout(Duration::from_hours(1), server.read(&mut read)).await;
        assert!(silence.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_take_its_reply_is_left() {
        let (_client, server) = duplex(64);
        let error = watched(server).write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
