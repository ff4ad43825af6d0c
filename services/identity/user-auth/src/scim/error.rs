//! What goes wrong, as directories are told (RFC 7644 section 3.12).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use nexus_kernel::Problem;
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::store::StoreError;
use serde_json::{Value, json};

use crate::error::Error;

/// The media type of everything here (RFC 7644 section 3.1).
pub(crate) const MEDIA_TYPE: &str = "application/scim+json";
const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Something went wrong.
#[derive(Debug)]
pub(crate) enum ScimError {
    /// In the words of the protocol.
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The `scimType`; none where the status says it all.
        kind: Option<&'static str>,
        /// For a person.
        detail: String,
    },
    /// As everywhere else; it is put into the words of the protocol on its way out.
    Problem(Problem),
}

impl ScimError {
    fn refused(status: StatusCode, kind: Option<&'static str>, detail: impl Into<String>) -> Self {
        Self::Refused { status, kind, detail: detail.into() }
    }

    /// A value is missing or does not fit its attribute.
    pub(crate) fn invalid_value(detail: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, Some("invalidValue"), detail)
    }

    /// The body is not what the request should have.
    pub(crate) fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, Some("invalidSyntax"), detail)
    }

    /// The filter can't be read, or compares what can't be compared.
    pub(crate) fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, Some("invalidFilter"), detail)
    }

    /// The path of a change names nothing.
    pub(crate) fn invalid_path(detail: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, Some("invalidPath"), detail)
    }

    /// The path of a change finds nothing to change.
    pub(crate) fn no_target(detail: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, Some("noTarget"), detail)
    }

    /// The change is one of something that stays as it is.
    pub(crate) fn mutability(detail: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, Some("mutability"), detail)
    }

    /// Another resource has a value that only one may have.
    pub(crate) fn uniqueness(detail: impl Into<String>) -> Self {
        Self::refused(StatusCode::CONFLICT, Some("uniqueness"), detail)
    }

    /// There is nothing of that kind at this path.
    pub(crate) fn not_found() -> Self {
        Self::refused(StatusCode::NOT_FOUND, None, "there is nothing at this path")
    }

    /// The path does not know the method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::refused(StatusCode::METHOD_NOT_ALLOWED, None, "this path does not know this method")
    }

    /// The resource has another version than the client expects.
    pub(crate) fn version() -> Self {
        let detail = "somebody changed it meanwhile; read it again and repeat your change";
        Self::refused(StatusCode::PRECONDITION_FAILED, None, detail)
    }

    /// The request is too large.
    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::refused(StatusCode::PAYLOAD_TOO_LARGE, None, detail)
    }

    /// The body's type is none that is read here.
    pub(crate) fn unsupported_type() -> Self {
        let detail = "send the body as application/scim+json";
        Self::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, detail)
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Refused { status, .. } => *status,
            Self::Problem(problem) => problem.status(),
        }
    }

    /// The body, as it travels alone or in the reply to a bulk request.
    pub(crate) fn body(&self) -> Value {
        match self {
            Self::Refused { status, kind, detail } => body(*status, *kind, detail),
            Self::Problem(problem) => from_details(problem.status(), &problem.details()),
        }
    }
}

fn body(status: StatusCode, kind: Option<&str>, detail: &str) -> Value {
    let mut body = json!({"schemas": [SCHEMA], "status": status.as_str(), "detail": detail});
    if let Some(kind) = kind {
        body["scimType"] = kind.into();
    }
    body
}

/// A problem in the words of the protocol.
pub(crate) fn from_details(status: StatusCode, details: &ProblemDetails) -> Value {
    body(status, None, if details.detail.is_empty() { &details.title } else { &details.detail })
}

impl From<Error> for ScimError {
    fn from(error: Error) -> Self {
        match error {
            Error::Changed => Self::version(),
            Error::GroupNameTaken | Error::AddressTaken | Error::UserNameTaken => Self::uniqueness(error.to_string()),
            other => Self::Problem(other.into()),
        }
    }
}

impl From<StoreError> for ScimError {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<Problem> for ScimError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused { status, .. } => {
                (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], Json(self.body())).into_response()
            }
            Self::Problem(problem) => problem.into_response(),
        }
    }
}
