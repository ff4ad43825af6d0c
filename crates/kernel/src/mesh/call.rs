//! What every call does, whether its reply is gathered or streamed: how long it waits, what a failure means, when it is repeated.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Response, StatusCode};
use rand::RngExt;
use tokio::time::Instant;
use tracing::Span;

use crate::scope::RequestScope;
use crate::telemetry;

use super::balance::Permit;
use super::breaker::Verdict;
use super::transport::TransportError;
use super::{MeshError, Target};

/// How often a call is repeated at most.
const MAX_RETRIES: u32 = 2;
/// The wait before the first repetition; it doubles for the next.
const FIRST_BACKOFF: Duration = Duration::from_millis(25);
/// An instance that had less than this to answer did not fail when it did not.
const FAIR: Duration = Duration::from_secs(1);

/// A call under way.
pub(super) struct Call<'a> {
    target: &'a Target,
    /// What travels along: the request's id, and the call's own span in its trace.
    pub(super) scope: RequestScope,
    /// How long the answer may take.
    pub(super) given: Duration,
    tried: Option<Arc<str>>,
    retries: u32,
}

impl<'a> Call<'a> {
    /// A call that this span stands for, in the scope of the request or event at hand.
    pub(super) fn begin(target: &'a Target, span: &Span) -> Result<Self, MeshError> {
        let mut scope = RequestScope::current().unwrap_or_else(RequestScope::root);
        scope.trace = telemetry::identity(span).unwrap_or_else(|| scope.trace.child());
        let limit = target.timeout.unwrap_or(target.mesh.0.timeout);
        let given = scope.remaining().map_or(limit, |left| left.min(limit));
        let call = Self { target, scope, given, tried: None, retries: 0 };
        if given.is_zero() {
            return Err(call.timeout());
        }
        Ok(call)
    }

    /// The next instance to try.
    pub(super) fn pick(&self) -> Result<Permit, MeshError> {
        let mesh = &self.target.mesh.0;
        let instances = mesh.discovery.instances(&self.target.service);
        mesh.balancer.pick(&self.target.service, instances, self.target.sticky.as_deref(), self.tried.as_ref())
    }

    /// Waits before the next attempt and says yes, or no when this was the last one.
    pub(super) async fn again(&mut self, permit: Permit, deadline: Instant) -> bool {
        self.tried = Some(Arc::clone(permit.instance().id()));
        drop(permit);
        let pause = FIRST_BACKOFF * 2_u32.pow(self.retries);
        let pause = pause.mul_f64(rand::rng().random_range(0.5..1.0));
        if self.retries >= MAX_RETRIES || Instant::now() + pause >= deadline {
            return false;
        }
        if !self.target.mesh.0.balancer.may_retry(&self.target.service) {
            tracing::warn!(callee = self.target.service, "a failed call is not repeated: the retry budget is spent");
            return false;
        }
        self.retries += 1;
        tokio::time::sleep(pause).await;
        true
    }

    pub(super) fn timeout(&self) -> MeshError {
        MeshError::Timeout { service: self.target.service.clone(), waited: self.given }
    }

    pub(super) fn transport(&self, permit: &Permit, error: TransportError) -> MeshError {
        MeshError::Transport {
            service: self.target.service.clone(),
            instance: permit.instance().id().to_string(),
            cause: error.cause,
            unsent: error.unsent,
        }
    }

    /// What a call that took too long says about the instance.
    pub(super) fn late(&self, waited: Duration) -> Verdict {
        if waited >= FAIR.min(self.target.mesh.0.timeout) { Verdict::Failure } else { Verdict::Nothing }
    }
}

/// What an answer says about the instance (see the module).
pub(super) fn verdict(path: &str, response: &Response<Body>) -> Verdict {
    let failing = matches!(
        response.status(),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    );
    match failing {
        true if is_health_check(path) => Verdict::Nothing,
        true => Verdict::Failure,
        false => Verdict::Success,
    }
}

pub(super) fn is_health_check(path: &str) -> bool {
    path == "/health" || path.starts_with("/health/")
}

/// Whether a repeated request has the same effect as one (RFC 9110 section 9.2.2).
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}
