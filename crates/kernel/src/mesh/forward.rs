//! The gateway's way: requests and replies that pass through as they come, of any size and any status.

use std::mem;
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span};

use crate::discovery::{Address, Instance};

use super::balance::Permit;
use super::body::{Counted, Lent, Progress, Slot, Watched};
use super::breaker::Verdict;
use super::call::{Call, is_idempotent, verdict};
use super::headers::{propagate, strip, strip_request};
use super::transport::TransportError;
use super::{MeshError, Target};

/// A body up to this size arrives at once. A longer upload takes as long as its sender needs, so that no deadline can be set
/// for the whole of it: the time to answer then counts from the body's last movement.
const SMALL_BODY: u64 = 64 << 10;

/// A request without what belongs to the hop that it came by.
struct Passing {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Option<OnUpgrade>,
    /// A body can be sent once; an empty one as often as needed.
    body: Option<Body>,
    /// Where the body waits until an instance reads it.
    lent: Option<Slot>,
    progress: Option<Progress>,
}

impl Passing {
    fn new(request: Request<Body>) -> Self {
        let (mut parts, body) = request.into_parts();
        strip_request(&mut parts.headers);
        let progress = (!body.is_end_stream()).then(Progress::start);
        let body = progress.clone().map(|progress| Watched::wrap(body, progress));
        let upgrade =
            parts.extensions.remove::<OnUpgrade>().filter(|_| super::headers::upgrade(&parts.headers).is_some());
        let path = parts.uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
        Self { method: parts.method, uri: path, headers: parts.headers, upgrade, body, lent: None, progress }
    }

    fn is_small(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.size_hint().upper().is_some_and(|most| most <= SMALL_BODY))
    }

    fn may_repeat(&self) -> bool {
        self.body.is_none() && self.upgrade.is_none() && is_idempotent(&self.method)
    }

    /// Takes back the body of a request that was not sent; whether the request is whole again.
    fn recover(&mut self) -> bool {
        match self.lent.take() {
            Some(lent) => {
                self.body = lent.take_back();
                self.body.is_some()
            }
            None => true,
        }
    }

    fn take(&mut self, instance: &Instance) -> Request<Body> {
        let (body, lent) = self.body.take().map(Lent::wrap).unzip();
        self.lent = lent;
        let mut request = Request::new(body.unwrap_or_default());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        // Inside of a process no call is lost, so that none is made again.
        *request.headers_mut() = match instance.address() {
            Address::Local(_) => mem::take(&mut self.headers),
            Address::Http(_) => self.headers.clone(),
        };
        request
    }
}

impl Target {
    /// Passes the request on and gives the reply back as it begins: bodies stream both ways, every status is a reply, and an
    /// upgraded connection (a WebSocket) goes through. Headers that belong to one hop end here. The answer must begin in time,
    /// counted from the last movement of the request's body; after that nothing limits how long it streams.
    pub async fn forward(self, request: Request<Body>) -> Result<Response<Body>, MeshError> {
        let span = self.span(request.method());
        let pass = pin!(self.pass(Passing::new(request), &span));
        pass.instrument(span.clone()).await
    }

    async fn pass(&self, mut passing: Passing, span: &Span) -> Result<Response<Body>, MeshError> {
        let mut call = Call::begin(self, span)?;
        let mut started = Instant::now();
        let deadline = started + call.given;
        // Asked before the body is taken.
        let (small, may_repeat) = (passing.is_small(), passing.may_repeat());
        let mut failed = None;
        loop {
            let mut permit = match call.pick() {
                Ok(permit) => permit,
                Err(error) => return Err(failed.unwrap_or(error)),
            };
            let left = if small { deadline.saturating_duration_since(started) } else { call.given };
            propagate(&mut passing.headers, &call.scope, small.then_some(left));
            let error = match self.exchange(&call, &mut passing, &mut permit, started, left).await {
                Ok(response) => return Ok(self.reply(passing, permit, response)),
                Err(error) => error,
            };
            let repeat = match error {
                MeshError::Transport { unsent: true, .. } => passing.recover(),
                MeshError::Transport { .. } => may_repeat,
                _ => false,
            };
            if !(repeat && call.again(permit, deadline).await) {
                return Err(error);
            }
            failed = Some(error);
            started = Instant::now();
        }
    }

    async fn exchange(
        &self,
        call: &Call<'_>,
        passing: &mut Passing,
        permit: &mut Permit,
        started: Instant,
        left: Duration,
    ) -> Result<Response<Body>, MeshError> {
        let mut request = passing.take(permit.instance());
        if let (Address::Local(_), Some(upgrade)) = (permit.instance().address(), &passing.upgrade) {
            request.extensions_mut().insert(upgrade.clone());
        }
        let outcome = {
            let exchange = pin!(self.mesh.0.transport.exchange(&self.service, permit.instance(), &mut request));
            match &passing.progress {
                Some(progress) => progress.within(left, exchange).await,
                None => timeout_at(started + left, exchange).await.ok(),
            }
        };
        match outcome {
            Some(Ok(response)) => {
                permit.record(verdict(passing.uri.path(), &response));
                Ok(response)
            }
            Some(Err(error)) => {
                permit.record(Verdict::Failure);
                Err(call.transport(permit, error))
            }
            None => {
                permit.record(call.late(started.elapsed()));
                Err(call.timeout())
            }
        }
    }

    fn reply(&self, passing: Passing, permit: Permit, mut response: Response<Body>) -> Response<Body> {
        *response.version_mut() = Version::HTTP_11;
        strip(response.headers_mut());
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return response.map(|body| Counted::wrap(body, permit));
        }
        // In one process the callee itself takes the client's connection.
        if let (Address::Http(_), Some(client)) = (permit.instance().address(), passing.upgrade) {
            let server = hyper::upgrade::on(&mut response);
            self.mesh.0.keep(async move {
                if let Err(error) = tunnel(client, server).await {
                    tracing::debug!(%error, "an upgraded connection broke");
                }
                drop(permit);
            });
        }
        response
    }
}

/// Passes bytes both ways until both sides have ended.
async fn tunnel(client: OnUpgrade, server: OnUpgrade) -> Result<(), TransportError> {
    let broken = |error: hyper::Error| TransportError::new(error.to_string());
    let (client, server) = futures::future::try_join(client, server).await.map_err(broken)?;
    let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
    copy_bidirectional(&mut client, &mut server).await.map_err(|error| TransportError::new(error.to_string()))?;
    Ok(())
}
