//! The ways to an instance: straight into its router, over HTTP under mutual TLS, or in plain HTTP/1.1 to another program on
//! this machine.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write;
use std::io;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Body;
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderValue, Request, Response, Uri, Version};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::auth::Caller;
use crate::discovery::{Address, BaseUrl, Instance};

use super::connector::{Connector, Protocol};
use super::headers::{self, CALLER};
use super::http1::Pool;
use super::tls::Identity;
use super::{CONNECTION_WINDOW, STREAM_WINDOW};

/// How long making a plain connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How often the other end of a connection is asked whether it is still there, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
const KEEP_ALIVE_LIMIT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// Why an instance gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub(super) struct TransportError {
    pub(super) cause: String,
    /// The instance can't have seen the request, so that it may be sent again whatever it asks for.
    pub(super) unsent: bool,
}

impl TransportError {
    pub(super) fn new(cause: String) -> Self {
        Self { cause, unsent: false }
    }
}

pub(super) struct Transport {
    service: &'static str,
    name: HeaderValue,
    identity: Option<Arc<Identity>>,
    peers: RwLock<HashMap<String, Arc<Peer>>>,
    /// Of services that are other programs on this machine.
    plain: Arc<Pool>,
    plain_upgrades: Client<HttpConnector, Body>,
}

/// The way to the instances of one service.
struct Peer {
    http2: Client<Connector, Body>,
    /// For upgrades, which HTTP/2 does not have.
    http1: Client<Connector, Body>,
}

impl Transport {
    pub(super) fn new(service: &'static str, identity: Option<Arc<Identity>>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_LIMIT));
        Self {
            service,
            name: HeaderValue::from_static(service),
            identity,
            peers: RwLock::default(),
            plain: Arc::default(),
            plain_upgrades: Client::builder(TokioExecutor::new()).build(tcp),
        }
    }

    pub(super) fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// Sends a request, whose target is a path, to the instance of the service. The request is taken from where it is: each
    /// function that had it for itself would make the future of every call larger.
    pub(super) async fn exchange(
        &self,
        service: &str,
        instance: &Instance,
        request: &mut Request<Body>,
    ) -> Result<Response<Body>, TransportError> {
        match instance.address() {
            Address::Local(router) => {
                request.extensions_mut().insert(Caller(self.service.to_owned()));
                let Ok(response) = router.clone().oneshot(mem::take(request)).await;
                Ok(response)
            }
            Address::Http(base) if base.scheme == Scheme::HTTP => self.plainly(instance.id(), base, request).await,
            Address::Http(base) => self.over_http(service, base, request).await,
        }
    }

    async fn plainly(
        &self,
        id: &Arc<str>,
        base: &BaseUrl,
        request: &mut Request<Body>,
    ) -> Result<Response<Body>, TransportError> {
        *request.version_mut() = Version::HTTP_11;
        if headers::upgrade(request.headers()).is_some() {
            *request.uri_mut() =
                absolute(base, request.uri()).map_err(|error| TransportError::new(error.to_string()))?;
            let response = self.plain_upgrades.request(mem::take(request)).await.map_err(|error| failed(&error))?;
            return Ok(response.map(Body::new));
        }
        let host = HeaderValue::from_str(base.authority.as_str());
        request.headers_mut().insert(HOST, host.map_err(|error| TransportError::new(error.to_string()))?);
        self.plain.exchange(id, request, async || connect(base).await).await
    }

    async fn over_http(
        &self,
        service: &str,
        base: &BaseUrl,
        request: &mut Request<Body>,
    ) -> Result<Response<Body>, TransportError> {
        let peer = self.peer(service)?;
        *request.uri_mut() = absolute(base, request.uri()).map_err(|error| TransportError::new(error.to_string()))?;
        *request.version_mut() = Version::HTTP_11;
        request.headers_mut().insert(CALLER, self.name.clone());
        let client = if headers::upgrade(request.headers()).is_some() { &peer.http1 } else { &peer.http2 };
        let response = client.request(mem::take(request)).await.map_err(|error| failed(&error))?;
        Ok(response.map(Body::new))
    }

    fn peer(&self, service: &str) -> Result<Arc<Peer>, TransportError> {
        if let Some(peer) = self.peers.read().unwrap_or_else(PoisonError::into_inner).get(service) {
            return Ok(Arc::clone(peer));
        }
        let identity = self.identity.as_ref().ok_or_else(|| {
            TransportError::new("this process has no certificate; set mesh.secret in all processes".to_owned())
        })?;
        let peer = Peer::new(identity, service)
            .ok_or_else(|| TransportError::new(format!("`{service}` can't be part of a host name")))?;
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(peers.entry(service.to_owned()).or_insert_with(|| Arc::new(peer))))
    }
}

impl Peer {
    fn new(identity: &Arc<Identity>, service: &str) -> Option<Self> {
        let connector = |protocol| Connector::new(Arc::clone(identity), service, protocol);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.timer(TokioTimer::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_LIMIT);
        let http1 = builder.build(connector(Protocol::Http1)?);
        let http2 = builder
            .http2_only(true)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE_LIMIT)
            .http2_keep_alive_while_idle(true)
            .build(connector(Protocol::Http2)?);
        Some(Self { http2, http1 })
    }
}

async fn connect(base: &BaseUrl) -> io::Result<TcpStream> {
    let authority = &base.authority;
    let host = authority.host().trim_matches(['[', ']']);
    let connecting = TcpStream::connect((host, authority.port_u16().unwrap_or(80)));
    let tcp = timeout(CONNECT_LIMIT, connecting).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

fn failed(error: &legacy::Error) -> TransportError {
    TransportError { cause: chain(error), unsent: error.is_connect() }
}

fn absolute(base: &BaseUrl, path: &Uri) -> Result<Uri, http::Error> {
    let builder = Uri::builder().scheme(base.scheme.clone()).authority(base.authority.clone());
    match path.path_and_query() {
        Some(path) => builder.path_and_query(path.clone()).build(),
        None => builder.path_and_query("/").build(),
    }
}

/// An error with its causes, as hyper's own text says only in which stage it happened.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
