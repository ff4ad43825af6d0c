//! The two ways to an instance: straight into its router, or over HTTP.

use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::ServiceExt;

use crate::auth::Caller;
use crate::config::Secret;
use crate::discovery::{Address, Instance};
use crate::time::Clock;

use super::caller::{CALLER, CallerKey};
use super::headers;

/// How long making a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How often an unused connection is asked whether its other end is still there, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long an unused connection is kept.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// Why an instance gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct TransportError(pub(super) String);

pub(super) struct Transport {
    service: &'static str,
    key: Option<CallerKey>,
    clock: Clock,
    http2: Client<HttpConnector, Body>,
    /// For upgrades, which HTTP/2 does not have.
    http1: Client<HttpConnector, Body>,
}

impl Transport {
    pub(super) fn new(service: &'static str, secret: &Secret, clock: Clock) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.timer(TokioTimer::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_LIMIT);
        let http1 = builder.build(connector.clone());
        let http2 = builder
            .http2_only(true)
            .http2_adaptive_window(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE)
            .build(connector);
        Self { service, key: CallerKey::new(secret), clock, http2, http1 }
    }

    /// Sends a request, whose target is a path, to the instance.
    pub(super) async fn exchange(
        &self,
        instance: &Instance,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, TransportError> {
        match instance.address() {
            Address::Local(router) => {
                request.extensions_mut().insert(Caller(self.service.to_owned()));
                let Ok(response) = router.clone().oneshot(request).await;
                Ok(response)
            }
            Address::Http(base) => self.over_http(base, request).await,
        }
    }

    async fn over_http(&self, base: &str, mut request: Request<Body>) -> Result<Response<Body>, TransportError> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri: Uri =
            format!("{base}{path}").parse().map_err(|error| TransportError(format!("{base}{path}: {error}")))?;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        if let Some(proof) = self.key.as_ref().and_then(|key| key.sign(self.service, self.clock.now())) {
            request.headers_mut().insert(CALLER, proof);
        }
        let client = if headers::upgrade(request.headers()).is_some() { &self.http1 } else { &self.http2 };
        let response = client.request(request).await.map_err(|error| TransportError(chain(&error)))?;
        Ok(response.map(Body::new))
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
