//! Replies that say what went wrong: RFC 9457 problem details with a stable `type`.

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where the `type` of every problem begins; the code follows.
pub const TYPE_PREFIX: &str = "https://nexus-cos.dev/problems/";

/// The media type of a problem (RFC 9457 section 3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One field of the request that broke a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The field, as a path from the body's root.
    #[schema(example = "email")]
    pub field: String,
    /// The rule that it broke, for a person.
    #[schema(example = "not a valid e-mail address")]
    pub message: String,
}

/// The body of a problem as it travels (RFC 9457 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDetails {
    /// A URI that names the kind of problem and never changes.
    #[serde(rename = "type", default)]
    #[schema(example = "https://nexus-cos.dev/problems/not-found")]
    pub type_uri: String,
    /// The kind of problem, for a person; the same for every occurrence.
    #[serde(default)]
    pub title: String,
    /// The HTTP status code.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    pub status: u16,
    /// This occurrence, for a person, and what to do next.
    #[serde(default)]
    pub detail: String,
    /// The last segment of `type`, for programs.
    #[serde(default)]
    #[schema(example = "not-found")]
    pub code: String,
    /// The fields that broke a rule, when the request's body did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// A problem on its way to the client. Boxed inside, so that `Result<T, Problem>` stays small.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    challenge: Option<HeaderValue>,
}

impl Problem {
    /// A problem of the kind `code` (lower case words joined by `-`), with the title that all of its kind share.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            status,
            code: code.into(),
            title: title.into(),
            detail: String::new(),
            errors: Vec::new(),
            retry_after: None,
            challenge: None,
        }))
    }

    /// Says what happened this time and what to do next.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Adds a field that broke a rule.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.errors.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// Tells the client when to come back (`Retry-After`, whole seconds, rounded up).
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Tells the client how to prove who it is (`WWW-Authenticate`, RFC 9110 section 11.6.1).
    #[must_use]
    pub fn challenge(mut self, challenge: HeaderValue) -> Self {
        self.0.challenge = Some(challenge);
        self
    }

    /// 400: the request can't be read.
    pub fn bad_request(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, "Bad request").detail(detail)
    }

    /// 401: nobody is signed in, or the proof is not good.
    pub fn unauthorized(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, "Not signed in").detail(detail)
    }

    /// 403: signed in, and not allowed.
    pub fn forbidden(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, "Not allowed").detail(detail)
    }

    /// 404: it does not exist, or the asker may not know that it does.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found").detail(detail)
    }

    /// 405: the thing is there and does not know this method.
    pub fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed").detail(detail)
    }

    /// 409: the state of the thing forbids it.
    pub fn conflict(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, "Conflict").detail(detail)
    }

    /// 412: somebody changed the thing since the client read it (RFC 9110 section 13.1.1).
    pub fn precondition_failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", "Changed meanwhile").detail(detail)
    }

    /// 428: the update must say which version it changes (RFC 6585 section 3).
    pub fn precondition_required() -> Self {
        Self::new(StatusCode::PRECONDITION_REQUIRED, "precondition-required", "If-Match is missing")
            .detail("send If-Match with the ETag that you read")
    }

    /// 422: the request can be read and breaks a rule.
    pub fn unprocessable(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, "Invalid input").detail(detail)
    }

    /// 429: too many requests.
    pub fn too_many(code: impl Into<Cow<'static, str>>, detail: impl Into<String>, after: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, "Too many requests").detail(detail).retry_after(after)
    }

    /// 503: a part that this needs is not there now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Unavailable")
            .detail(detail)
            .retry_after(Duration::from_secs(1))
    }

    /// 504: a part that this needs did not answer in time.
    pub fn gateway_timeout(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "No answer in time").detail(detail)
    }

    /// 500: our fault. The cause goes to the log; the client learns only that it happened.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error")
            .detail("the service failed; the cause is in its log under this request's id")
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The body as it travels.
    pub fn details(&self) -> ProblemDetails {
        ProblemDetails {
            type_uri: format!("{TYPE_PREFIX}{}", self.0.code),
            title: self.0.title.to_string(),
            status: self.0.status.as_u16(),
            detail: self.0.detail.clone(),
            code: self.0.code.to_string(),
            errors: self.0.errors.clone(),
        }
    }
}

impl From<ProblemDetails> for Problem {
    /// A problem that another service answered, passed on as it came.
    fn from(details: ProblemDetails) -> Self {
        let status = StatusCode::from_u16(details.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut problem = Self::new(status, details.code, details.title).detail(details.detail);
        problem.0.errors = details.errors;
        problem
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.0.status.as_u16(), self.0.code, self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.0.status, axum::Json(self.details())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.0.challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        } else if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"nexus-cos\""));
        }
        if let Some(after) = self.0.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_travels_as_rfc_9457_says_and_rounds_retry_after_up() {
        let response = Problem::too_many("slow-down", "wait", Duration::from_millis(1_200)).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }

    #[test]
    fn a_problem_of_another_service_is_passed_on_unchanged() {
        let first = Problem::unprocessable("validation-failed", "mend it").field("email", "too long").details();
        assert_eq!(Problem::from(first.clone()).details(), first);
    }
}
