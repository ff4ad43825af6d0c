//! Calls whose requests and replies are small and read whole.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span};

use crate::problem::{MEDIA_TYPE, Problem, ProblemDetails};

use super::balance::Permit;
use super::breaker::Verdict;
use super::call::{Call, is_health_check, is_idempotent, verdict};
use super::headers::propagate;
use super::transport::{TransportError, chain};
use super::{MeshError, Target};

/// The largest reply that is read.
const MAX_REPLY: usize = 32 << 20;

/// A call in the making.
#[derive(Debug)]
pub struct MeshRequest {
    target: Target,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    idempotent: bool,
    /// The first mistake in its making; told when it is sent.
    mistake: Option<String>,
}

impl MeshRequest {
    pub(super) fn new(target: Target, method: Method, path: &str) -> Self {
        let idempotent = is_idempotent(&method);
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Self { target, method, path: path.to_owned(), headers, body, idempotent, mistake: None }
    }

    /// Sends this as the body.
    #[must_use]
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(json) => self.body = json.into(),
            Err(error) => self.mistake = self.mistake.or(Some(error.to_string())),
        }
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Sends this header.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        match (name.as_ref().parse::<HeaderName>(), HeaderValue::from_str(value.as_ref())) {
            (Ok(name), Ok(value)) => {
                self.headers.append(name, value);
            }
            _ => self.mistake = self.mistake.or(Some(format!("`{}` is no valid header", name.as_ref()))),
        }
        self
    }

    /// Says that doing it twice has the effect of doing it once, so that it may be repeated after a failure. GET, PUT and
    /// DELETE are so by themselves.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// See [`Target::sticky`].
    #[must_use]
    pub fn sticky(mut self, key: impl Into<String>) -> Self {
        self.target = self.target.sticky(key);
        self
    }

    /// See [`Target::timeout`].
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.target = self.target.timeout(limit);
        self
    }

    /// Makes the call and reads the whole reply. An answer that is no success is an error.
    pub async fn send(self) -> Result<MeshResponse, MeshError> {
        let span = self.target.span(&self.method);
        let attempts = pin!(self.attempts(&span));
        attempts.instrument(span.clone()).await
    }

    async fn attempts(&self, span: &Span) -> Result<MeshResponse, MeshError> {
        let mut call = Call::begin(&self.target, span)?;
        let deadline = Instant::now() + call.given;
        let mut failed = None;
        loop {
            let mut permit = match call.pick() {
                Ok(permit) => permit,
                Err(error) => return Err(failed.unwrap_or(error)),
            };
            let error = match self.attempt(&call, &mut permit, deadline).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if !(self.may_repeat(&error) && call.again(permit, deadline).await) {
                return Err(error);
            }
            failed = Some(error);
        }
    }

    fn may_repeat(&self, error: &MeshError) -> bool {
        let passing = match error {
            MeshError::Transport { unsent: true, .. } => return true,
            MeshError::Transport { .. } => true,
            MeshError::Refused(problem) => {
                problem.status() == StatusCode::SERVICE_UNAVAILABLE && !is_health_check(&self.path)
            }
            _ => false,
        };
        self.idempotent && passing
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        permit: &mut Permit,
        deadline: Instant,
    ) -> Result<MeshResponse, MeshError> {
        let started = Instant::now();
        let mut request = self.request(call, deadline - started)?;
        let exchange = async {
            let response =
                self.target.mesh.0.transport.exchange(&self.target.service, permit.instance(), &mut request).await;
            let response = response.map_err(|error| call.transport(permit, error))?;
            let verdict = verdict(&self.path, &response);
            Ok((self.read(call, permit, response).await?, verdict))
        };
        let Ok(outcome) = timeout_at(deadline, exchange).await else {
            permit.record(call.late(started.elapsed()));
            return Err(call.timeout());
        };
        match outcome {
            Ok((response, verdict)) => {
                permit.record(verdict);
                self.accept(response)
            }
            Err(error) => {
                permit.record(Verdict::Failure);
                Err(error)
            }
        }
    }

    fn request(&self, call: &Call<'_>, left: Duration) -> Result<Request<Body>, MeshError> {
        let invalid = |cause: String| MeshError::Invalid { service: self.target.service.clone(), cause };
        if let Some(mistake) = &self.mistake {
            return Err(invalid(mistake.clone()));
        }
        let request =
            Request::builder().method(self.method.clone()).uri(&self.path).body(Body::from(self.body.clone()));
        let mut request = request.map_err(|error| invalid(format!("{}: {error}", self.path)))?;
        *request.headers_mut() = self.headers.clone();
        propagate(request.headers_mut(), &call.scope, Some(left));
        if !self.body.is_empty() {
            request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        Ok(request)
    }

    async fn read(
        &self,
        call: &Call<'_>,
        permit: &Permit,
        response: Response<Body>,
    ) -> Result<MeshResponse, MeshError> {
        let (parts, body) = response.into_parts();
        let body = match Limited::new(body, MAX_REPLY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(self.unreadable(format!("it is longer than {MAX_REPLY} bytes")));
            }
            Err(error) => return Err(call.transport(permit, TransportError::new(chain(&*error)))),
        };
        let service = self.target.service.clone();
        Ok(MeshResponse { service, status: parts.status, headers: parts.headers, body })
    }

    fn accept(&self, response: MeshResponse) -> Result<MeshResponse, MeshError> {
        match response.status {
            status if status.is_success() => Ok(response),
            status if status.is_client_error() || status.is_server_error() => {
                Err(MeshError::Refused(response.problem()))
            }
            status => Err(self.unreadable(format!("it has status {status}"))),
        }
    }

    fn unreadable(&self, cause: String) -> MeshError {
        MeshError::Unreadable { service: self.target.service.clone(), cause }
    }
}

/// The reply to a call that succeeded.
#[derive(Debug, Clone)]
pub struct MeshResponse {
    service: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl MeshResponse {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as a type.
    #[expect(clippy::unused_async, reason = "callers need not know that the body was read within the call's deadline")]
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, MeshError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| MeshError::Unreadable { service: self.service, cause: error.to_string() })
    }

    /// The body as it came.
    #[expect(clippy::unused_async, reason = "as `json`")]
    pub async fn bytes(self) -> Result<Bytes, MeshError> {
        Ok(self.body)
    }

    /// The problem that the service tells of; one that speaks no RFC 9457 is told of by its status alone.
    fn problem(&self) -> Problem {
        let is_problem = self
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(MEDIA_TYPE.as_bytes()));
        let details = serde_json::from_slice::<ProblemDetails>(&self.body).ok().filter(|_| is_problem);
        let problem = match details {
            Some(details) => Problem::from(ProblemDetails { status: self.status.as_u16(), ..details }),
            None => Problem::new(self.status, "refused", "Refused")
                .detail(format!("{} answered {}", self.service, self.status)),
        };
        let retry_after = self.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        match retry_after {
            Some(seconds) => problem.retry_after(Duration::from_secs(seconds)),
            None => problem,
        }
    }
}
