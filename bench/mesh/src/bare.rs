//! hyper with nothing around it.

use std::sync::Arc;

use anyhow::ensure;
use axum::Router;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use crate::{ANSWER, CALLEE, PATH};

/// A client with one connection.
pub(crate) enum Bare {
    Http1(Mutex<http1::SendRequest<Empty<Bytes>>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Bare {
    pub(crate) async fn http1(address: &str) -> anyhow::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(tcp(address).await?)).await?;
        tokio::spawn(connection);
        Ok(Self::Http1(Mutex::new(sender)))
    }

    pub(crate) async fn plain(address: &str) -> anyhow::Result<Self> {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(tcp(address).await?)).await?;
        tokio::spawn(connection);
        Ok(Self::Http2(sender))
    }

    pub(crate) async fn tls(address: &str, client: ClientConfig) -> anyhow::Result<Self> {
        let name = ServerName::try_from(format!("{CALLEE}.nexus.internal"))?;
        let stream = TlsConnector::from(Arc::new(client)).connect(name, tcp(address).await?).await?;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self::Http2(sender))
    }

    pub(crate) async fn call(&self) -> anyhow::Result<()> {
        let response = match self {
            Self::Http1(sender) => {
                let request = Request::get(PATH).header("host", "callee").body(Empty::new())?;
                let mut sender = sender.lock().await;
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                let request = Request::get(format!("https://callee{PATH}")).body(Empty::new())?;
                sender.clone().send_request(request).await?
            }
        };
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(body == ANSWER, "an answer");
        Ok(())
    }
}

async fn tcp(address: &str) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Serves a router without TLS; where.
pub(crate) async fn listen(router: Router) -> anyhow::Result<String> {
    use axum::serve::ListenerExt;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let listener = listener.tap_io(|stream| {
        // Without it small replies wait.
        let _ = stream.set_nodelay(true);
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}
