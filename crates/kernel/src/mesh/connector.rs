//! Connections to other processes, under mutual TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::tls::{self, Identity};

/// How long making a connection may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Which protocol a connection speaks; they are agreed on in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Connects to instances of one service, and to nobody else who may listen at their address.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    identity: Arc<Identity>,
    host: ServerName<'static>,
    protocol: Protocol,
}

impl Connector {
    pub(super) fn new(identity: Arc<Identity>, service: &str, protocol: Protocol) -> Option<Self> {
        let host = ServerName::try_from(tls::host(service)).ok()?;
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Some(Self { tcp, identity, host, protocol })
    }

    /// The credentials of this moment, so that no connection begins with a certificate that has ended.
    fn config(&self) -> io::Result<Arc<ClientConfig>> {
        let credentials = self.identity.credentials().map_err(io::Error::other)?;
        Ok(Arc::clone(match self.protocol {
            Protocol::Http1 => &credentials.http1,
            Protocol::Http2 => &credentials.http2,
        }))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Secured>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let mut this = self.clone();
        Box::pin(async move {
            let host = this.host.clone();
            let connected = async {
                let tcp = this.tcp.call(uri).await.map_err(io::Error::other)?.into_inner();
                TlsConnector::from(this.config()?).connect(host, tcp).await
            };
            let stream = timeout(LIMIT, connected).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            if this.protocol == Protocol::Http2 && stream.get_ref().1.alpn_protocol() != Some(tls::HTTP2) {
                return Err(io::Error::other("the other side does not speak HTTP/2"));
            }
            Ok(TokioIo::new(Secured(stream)))
        })
    }
}

/// A connection under TLS.
pub(super) struct Secured(TlsStream<TcpStream>);

impl Connection for Secured {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
