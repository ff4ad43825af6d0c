//! The listening side: HTTP/1.1 and HTTP/2 on one port, plain or under TLS, with bounds on what a connection may cost.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use nexus_kernel::Context;
use nexus_kernel::layers::{self, DEADLINE};
use nexus_kernel::mesh::CALLER;
use nexus_kernel::scope::Route;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connections::{Connections, Place};
use crate::front::{Entrance, Front};
use crate::redirect;
use crate::stream::ClientStream;
use crate::tls::{Certificate, TlsError};
use crate::way::Way;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a request's head may take, and how long a connection may wait for its next request.
const HEAD: Duration = Duration::from_secs(30);
/// The most bytes of a request's head (hyper's own limit is 100 fields): more than the gateway itself accepts, so that it can say why it does not.
const HEAD_BYTES: usize = 64 << 10;
/// Requests of one HTTP/2 connection at once.
const STREAMS: u32 = 128;
/// So many streams that the client reset may wait to be noticed, and so many may be reset because the client broke the
/// protocol; then the connection ends (CVE-2023-44487 and its like).
const RESETS: usize = 32;
const FAULTS: usize = 128;
/// How often a silent HTTP/2 connection is asked whether it is there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);
/// How long a connection without a request may stay once shutdown begins. A client may be sending its next request at the very
/// moment at which we close: it would be lost. So the connection ends with the reply to that request, or after this time.
const LINGER: Duration = Duration::from_secs(2);
/// How long running requests may take once shutdown begins.
const DRAIN: Duration = Duration::from_secs(20);
/// How long to wait after the system had no file left for a connection.
const PAUSE: Duration = Duration::from_millis(100);
/// What only the mesh may say.
const OURS: [HeaderName; 2] = [CALLER, HeaderName::from_static(DEADLINE)];

/// The gateway can't listen as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address for plain HTTP is not to be had.
    #[error("gateway.tls.redirect_from: {address}: {cause}")]
    Redirect {
        /// The address.
        address: SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// Plain HTTP can only be sent on to HTTPS.
    #[error(
        "gateway.tls.redirect_from: there is nowhere to redirect to: `public_url` is {0} and must begin with https://"
    )]
    Nowhere(String),
    /// The service was not started.
    #[error("the gateway does not run in this process")]
    Absent,
}

/// The gateway's ports. The one for plain HTTP is opened where it is none yet and `gateway.tls.redirect_from` names one.
#[derive(Debug)]
pub struct Listeners {
    /// The port for everybody.
    pub public: TcpListener,
    /// The port from which plain HTTP is sent on.
    pub plain: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(public: TcpListener) -> Self {
        Self { public, plain: None }
    }
}

/// What the gateway listens with.
pub struct Listening {
    listener: TcpListener,
    front: Arc<Front>,
    certificate: Option<Certificate>,
    plain: Option<TcpListener>,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl Listening {
    /// Makes ready what the configuration of the running service asks for.
    pub fn open(listeners: impl Into<Listeners>, context: &Context) -> Result<Self, ListenError> {
        let Listeners { public: listener, plain } = listeners.into();
        let front = context.state::<Entrance>().front().ok_or(ListenError::Absent)?;
        let config = &context.config;
        let certificate = Certificate::open(&config.gateway.tls)?;
        let plain = match plain.filter(|_| config.gateway.tls.redirect_from.is_some()) {
            Some(plain) => Some(plain),
            None => redirect::plain_listener(config)?,
        };
        Ok(Self { listener, front, certificate, plain })
    }

    /// Where plain HTTP is sent on from, if it is.
    pub fn redirect_address(&self) -> Option<SocketAddr> {
        self.plain.as_ref().and_then(|listener| listener.local_addr().ok())
    }
}

/// Serves the gateway until shutdown begins, then lets running requests end.
pub async fn serve(listening: Listening, shutdown: CancellationToken) {
    let Listening { listener, front, certificate, plain } = listening;
    let config = Arc::clone(&front.context.config);
    let server = Arc::new(Server { builder: builder(), front, certificate, shutdown: shutdown.clone() });
    let (graceful, tasks) = (GracefulShutdown::new(), TaskTracker::new());
    let (watched, ending) = (Arc::clone(&server), shutdown.clone());
    tasks.spawn(async move { watched.front.doors.pace().watch(ending).await });
    let connections = Connections::new(&config.gateway);
    if let Some(plain) = plain {
        let connections = Connections::new(&config.gateway);
        tasks.spawn(redirect::serve(plain, config.public_url.clone(), connections, shutdown.clone()));
    }
    while let Some((stream, peer)) = next(&listener, &shutdown).await {
        let (server, peer) = (Arc::clone(&server), peer.ip());
        // Nobody else can be told apart from one address with too many connections, so it gets no explanation either.
        if server.certificate.is_some() {
            let Some((place, given_up)) = connections.begin(peer) else { continue };
            tasks.spawn(server.shake(stream, peer, place, given_up, graceful.watcher()));
        } else {
            let Some(place) = connections.enter(peer) else { continue };
            tasks.spawn(server.speak(stream, peer, place, graceful.watcher()));
        }
    }
    drop(listener);
    tasks.close();
    // Those that are left have said nothing meanwhile.
    let _ = tokio::time::timeout(LINGER, tasks.wait()).await;
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time and were cut off");
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(FAULTS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

/// The next connection; `None` when shutdown begins.
async fn next(listener: &TcpListener, shutdown: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // Small replies leave at once.
                    let _ = stream.set_nodelay(true);
                    return (stream, peer);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        accepted = accept => Some(accepted),
    }
}

/// What all connections share.
struct Server {
    builder: Builder<TokioExecutor>,
    front: Arc<Front>,
    certificate: Option<Certificate>,
    shutdown: CancellationToken,
}

impl Server {
    /// A connection's handshake, and then its requests.
    async fn shake(
        self: Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        place: Place,
        given_up: CancellationToken,
        watcher: Watcher,
    ) {
        let Some(certificate) = &self.certificate else { return };
        let handshake = TlsAcceptor::from(certificate.config()).accept(stream);
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(HANDSHAKE, handshake) => shaken,
            () = given_up.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let Some(place) = place.shaken() else { return };
                self.speak(stream, peer, place, watcher).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
            Err(_) => tracing::debug!("a handshake took too long"),
        }
    }

    /// A connection's requests.
    async fn speak<S>(self: Arc<Self>, stream: S, peer: IpAddr, place: Place, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let stream = TokioIo::new(ClientStream::new(stream, place));
        let service = service(Arc::clone(&self.front), peer, self.shutdown.clone());
        let connection = self.builder.serve_connection_with_upgrades(stream, service).into_owned();
        // How a client leaves is its own affair.
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(error, "a connection ended");
        }
    }
}

/// What a connection's requests are answered by.
fn service(
    front: Arc<Front>,
    peer: IpAddr,
    shutdown: CancellationToken,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Body>, Infallible>> + Send,
> + Send {
    hyper::service::service_fn(move |request: Request<Incoming>| {
        let (front, shutdown, version) = (Arc::clone(&front), shutdown.clone(), request.version());
        async move {
            let mut response = answer(&front, peer, request).await;
            // HTTP/2 has no such field (RFC 9113 section 8.2.2): there a frame says it.
            if shutdown.is_cancelled()
                && version <= Version::HTTP_11
                && response.status() != StatusCode::SWITCHING_PROTOCOLS
            {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        }
    })
}

/// One request, measured and in a scope of its own; a panic is a 500.
async fn answer(front: &Front, peer: IpAddr, request: Request<Incoming>) -> Response<Body> {
    let mut request = request.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) });
    while let Some(name) = request.headers().keys().find(|name| OURS.contains(name)).cloned() {
        request.headers_mut().remove(name);
    }
    let way = Way::of(request.uri().path());
    layers::observed(&front.context, Route::Named(way.label()), request, |request| async move {
        let answer = pin!(front.answer(peer, way, request, None));
        let answered = AssertUnwindSafe(answer).catch_unwind().await;
        answered.unwrap_or_else(layers::panicked)
    })
    .await
}
