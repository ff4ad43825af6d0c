//! The listening side of a service that others call from other processes.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::auth::Caller;
use crate::time::Timestamp;

use super::headers::CALLER;
use super::tls::{self, Identity};
use super::{CONNECTION_WINDOW, STREAM_WINDOW};

/// The most connections; others make one for each of their services and instances.
const CONNECTIONS: usize = 4_096;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(30);
/// Requests of one HTTP/2 connection at once; callers have one connection to each instance.
const STREAMS: u32 = 1_024;
/// How often a silent connection is asked whether it is there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(10);
/// How long running requests may take once shutdown begins.
const DRAIN: Duration = Duration::from_secs(20);
/// How long to wait after the system had no file left for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves a service on a port of its own, HTTP/2 and HTTP/1.1 under mutual TLS, until shutdown begins and the running requests
/// have ended. A connection that has become as old as a certificate may be ends after its next request: its other side must
/// then show a new one.
pub async fn serve(listener: TcpListener, router: Router, identity: Arc<Identity>, shutdown: CancellationToken) {
    let server = Arc::new(Server { builder: builder(), router, identity, shutdown: shutdown.clone() });
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Some((tcp, place)) = next(&listener, &places, &shutdown).await {
        let server = Arc::clone(&server);
        connections.spawn(async move {
            server.connection(tcp).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN, ended).await.is_err() {
        tracing::warn!("some calls of other processes did not end in time and were cut off");
    }
}

/// The next connection and its place; `None` when shutdown begins.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let accept = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((tcp, _)) => {
                    // Small replies leave at once.
                    let _ = tcp.set_nodelay(true);
                    return Some((tcp, place));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        accepted = accept => accepted,
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

struct Server {
    builder: Builder<TokioExecutor>,
    router: Router,
    identity: Arc<Identity>,
    shutdown: CancellationToken,
}

impl Server {
    async fn connection(&self, tcp: TcpStream) {
        let tls = match timeout(HANDSHAKE, self.handshake(tcp)).await {
            Ok(Ok(tls)) => tls,
            Ok(Err(error)) => return tracing::info!(%error, "somebody without a good certificate was turned away"),
            Err(_) => return tracing::debug!("somebody connected and did not speak"),
        };
        let names = tls.get_ref().1.peer_certificates().map(tls::services).unwrap_or_default();
        let old = CancellationToken::new();
        let passport = Passport { names, until: self.identity.longest_connection(), old: old.clone() };
        let service = service(self.router.clone(), Arc::clone(&self.identity), Arc::new(passport));
        let connection = self.builder.serve_connection_with_upgrades(TokioIo::new(tls), service);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return left(ended),
            () = self.shutdown.cancelled() => {}
            () = old.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        left(connection.await);
    }

    async fn handshake(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let credentials = self.identity.credentials().map_err(io::Error::other)?;
        TlsAcceptor::from(Arc::clone(&credentials.server)).accept(tcp).await
    }
}

/// What the other side of a connection has shown.
struct Passport {
    /// The services that it speaks for.
    names: Vec<String>,
    /// When it has to show another.
    until: Timestamp,
    /// Ends when it has to.
    old: CancellationToken,
}

/// What the requests of a connection are answered by: each comes from one of the services that its certificate names.
fn service(
    router: Router,
    identity: Arc<Identity>,
    passport: Arc<Passport>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Body>, Infallible>> + Send,
> + Send {
    hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        let said = request.headers_mut().remove(CALLER);
        let is_said = |name: &&String| said.as_ref().is_some_and(|said| said.as_bytes() == name.as_bytes());
        let caller = passport.names.iter().find(is_said).cloned();
        if identity.now() >= passport.until {
            passport.old.cancel();
        }
        if let Some(caller) = caller {
            request.extensions_mut().insert(Caller(caller));
        }
        router.clone().oneshot(request)
    })
}

/// How the other side leaves is its own affair.
fn left(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended");
    }
}
