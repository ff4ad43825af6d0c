//! Refusals of the protocol's endpoints, in the shape that OAuth clients read (RFC 6749 section 5.2).

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use nexus_kernel::Problem;
use nexus_kernel::mesh::MeshError;
use nexus_kernel::store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong, by the name that the standards give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    AccessDenied,
    AuthorizationPending,
    ConsentRequired,
    ExpiredToken,
    InsufficientScope,
    InvalidClient,
    InvalidClientMetadata,
    InvalidDpopProof,
    InvalidGrant,
    InvalidRedirectUri,
    InvalidRequest,
    InvalidRequestUri,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    LoginRequired,
    RequestNotSupported,
    ServerError,
    SlowDown,
    TemporarilyUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
}

impl Code {
    /// The name that travels.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::AuthorizationPending => "authorization_pending",
            Self::ConsentRequired => "consent_required",
            Self::ExpiredToken => "expired_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidClient => "invalid_client",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::LoginRequired => "login_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::ServerError => "server_error",
            Self::SlowDown => "slow_down",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::InvalidClient | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// How a refused asker should have shown who it is (RFC 9110 section 11.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer,
    Dpop,
}

/// A refusal on its way to a client.
#[derive(Debug, Clone)]
pub(crate) struct OAuthError {
    code: Code,
    description: String,
    status: StatusCode,
    challenge: Option<Challenge>,
    retry_after: Option<Duration>,
}

/// The body of a refusal (RFC 6749 section 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OAuthError)]
pub(crate) struct OAuthErrorBody {
    /// What went wrong, for programs.
    #[schema(example = "invalid_grant")]
    error: &'static str,
    /// What went wrong this time, for the developer of the application.
    #[schema(example = "the code is unknown, used or expired")]
    error_description: String,
}

impl OAuthError {
    /// A refusal; the description is for the application's developer.
    pub(crate) fn new(code: Code, description: impl Into<String>) -> Self {
        // RFC 6749 section 5.2 allows printable ASCII without quotes and backslashes, and what was sent may be repeated here.
        let plain = |c: char| if matches!(c, ' '..='!' | '#'..='[' | ']'..='~') { c } else { '\'' };
        let description = description.into().chars().map(plain).collect();
        Self { code, description, status: code.status(), challenge: None, retry_after: None }
    }

    /// The application could not be told apart from anybody else.
    pub(crate) fn invalid_client(description: impl Into<String>) -> Self {
        Self { challenge: Some(Challenge::Basic), ..Self::new(Code::InvalidClient, description) }
    }

    /// The grant is not good.
    pub(crate) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new(Code::InvalidGrant, description)
    }

    /// The request breaks a rule.
    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, description)
    }

    /// The access token is not good (RFC 6750 section 3.1).
    pub(crate) fn invalid_token(description: impl Into<String>) -> Self {
        Self { challenge: Some(Challenge::Bearer), ..Self::new(Code::InvalidToken, description) }
    }

    /// The access token is good for something else.
    pub(crate) fn insufficient_scope(description: impl Into<String>) -> Self {
        Self { challenge: Some(Challenge::Bearer), ..Self::new(Code::InsufficientScope, description) }
    }

    /// The proof of possession is not good; at the token endpoint 400, where a token is used 401 (RFC 9449 sections 5 and 7).
    pub(crate) fn at_resource(mut self) -> Self {
        self.status = StatusCode::UNAUTHORIZED;
        self.challenge = Some(Challenge::Dpop);
        self
    }

    /// Too many attempts.
    pub(crate) fn too_many(description: impl Into<String>, after: Duration) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self { status, retry_after: Some(after), ..Self::new(Code::TemporarilyUnavailable, description) }
    }

    /// The name.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// What went wrong this time.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    fn header(&self) -> Option<HeaderValue> {
        let error = format!("error=\"{}\", error_description=\"{}\"", self.code.as_str(), self.description);
        let text = match self.challenge? {
            Challenge::Basic => "Basic realm=\"nexus-cos\"".to_owned(),
            Challenge::Bearer => format!("Bearer realm=\"nexus-cos\", {error}"),
            Challenge::Dpop => format!("DPoP algs=\"{}\", {error}", crate::jose::algorithm_names().join(" ")),
        };
        HeaderValue::try_from(text).ok()
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl From<MeshError> for OAuthError {
    fn from(error: MeshError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        match problem.status() {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT | StatusCode::BAD_GATEWAY => {
                Self::new(Code::TemporarilyUnavailable, "a part that this needs does not answer now; try again")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self { status: StatusCode::PAYLOAD_TOO_LARGE, ..Self::invalid_request("the body is too large") }
            }
            _ => {
                tracing::error!(%problem, "an OAuth request failed");
                Self::new(Code::ServerError, "the service failed; the cause is in its log under this request's id")
            }
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = OAuthErrorBody { error: self.code.as_str(), error_description: self.description.clone() };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        if let Some(challenge) = self.header() {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(after) = self.retry_after {
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
    fn what_was_sent_can_not_break_out_of_the_description() {
        let error = OAuthError::invalid_token("a \"quote\", a \\ and a line\r\nSet-Cookie: x");
        assert_eq!(error.description(), "a 'quote', a ' and a line''Set-Cookie: x");
        assert_eq!(error.into_response().status(), StatusCode::UNAUTHORIZED);
    }
}
