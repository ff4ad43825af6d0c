//! What Vault's clients read: an envelope around data, and errors as a list of texts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::scope::RequestScope;
use nexus_kernel::store::StoreError;
use nexus_kernel::{Problem, problem};
use serde::Serialize;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, response};
use utoipa::{IntoResponses, ToSchema};

use crate::error::Error;

/// The longest problem that is rewritten, in bytes.
const MAX_PROBLEM: usize = 64 << 10;

/// What is around all data.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Envelope<T> {
    /// The request's id, as in all logs.
    pub(crate) request_id: String,
    /// Always empty: nothing here is leased.
    #[schema(value_type = String)]
    pub(crate) lease_id: &'static str,
    /// Always false.
    pub(crate) renewable: bool,
    /// Always 0.
    pub(crate) lease_duration: u64,
    /// What was asked for.
    pub(crate) data: T,
    /// What the client should know.
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) warnings: Option<Vec<Cow<'static, str>>>,
}

/// The id of the request that is answered.
pub(super) fn request_id() -> String {
    RequestScope::current().map(|scope| scope.request_id).unwrap_or_default()
}

/// A reply with data.
#[derive(Debug, Clone)]
pub(super) struct Data<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        kept_by_nobody(Json(Envelope {
            request_id: request_id(),
            lease_id: "",
            renewable: false,
            lease_duration: 0,
            data: self.0,
            warnings: None,
        }))
    }
}

/// 204, where there is nothing to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        kept_by_nobody(StatusCode::NO_CONTENT)
    }
}

/// Nothing on the way keeps what is said here.
pub(super) fn kept_by_nobody(reply: impl IntoResponse) -> Response {
    let mut response = reply.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Below `/api/keys/v1` Vault's clients read all refusals in their own shape, those of the kernel too.
pub(crate) async fn in_vaults_shape(request: Request, next: Next) -> Response {
    let is_vaults = request.uri().path().starts_with("/api/keys/v1/");
    let response = next.run(request).await;
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == problem::MEDIA_TYPE);
    if !is_vaults || !is_problem {
        return response;
    }
    let (parts, body) = response.into_parts();
    let details = to_bytes(body, MAX_PROBLEM).await.ok().and_then(|body| serde_json::from_slice(&body).ok());
    let refusal = details.map_or_else(
        || Refusal::new(parts.status, "the request was refused"),
        |details: ProblemDetails| Refusal { headers: kept_headers(&parts.headers), ..Problem::from(details).into() },
    );
    refusal.into_response()
}

/// The headers of a problem that its other shape has too.
fn kept_headers(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let kept = [header::WWW_AUTHENTICATE, header::RETRY_AFTER].into_iter();
    kept.filter_map(|name| headers.get(&name).cloned().map(|value| (name, value))).collect()
}

/// Errors as Vault's clients read them.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VaultErrors)]
pub(crate) struct Errors {
    /// What is wrong, each for a person.
    pub(crate) errors: Vec<String>,
}

/// A request that was refused.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    errors: Vec<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, errors: vec![error.into()], headers: Vec::new() }
    }

    /// 400: the request breaks a rule.
    pub(super) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// 405: this path does not do that.
    pub(super) fn unsupported() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "unsupported operation")
    }
}

/// What every route may answer, for the API document: in Vault's way, or as a problem where the gateway refuses.
pub(super) struct Refusals;

/// A body of this schema.
fn content(schema: &str) -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build()
}

/// A refusal with this status, whose JSON has this schema.
pub(super) fn refusal(why: &str, schema: &str) -> RefOr<response::Response> {
    let refusal = ResponseBuilder::new()
        .description(why)
        .content("application/json", content(schema))
        .content(problem::MEDIA_TYPE, content("ProblemDetails"));
    RefOr::T(refusal.build())
}

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        [
            ("400", "The request breaks a rule, which is named"),
            ("401", "The access token is missing, not valid or has expired"),
            ("403", "Your roles do not allow it"),
            ("404", "There is no such thing"),
            ("405", "This path does not do that"),
            ("413", "The body is too large"),
            ("503", "The keys are sealed, or the store is too busy"),
        ]
        .map(|(status, why)| (status.to_owned(), refusal(why, &Errors::name())))
        .into()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            // Vault's clients take 404 without a text for "there is nothing".
            Error::NotFound => Self { status: StatusCode::NOT_FOUND, errors: Vec::new(), headers: Vec::new() },
            Error::Sealed | Error::NotInitialised => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            Error::Invalid(_) | Error::Initialised => Self::bad_request(error.to_string()),
            error => Problem::from(error).into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let details = problem.details();
        let headers = kept_headers(problem.into_response().headers());
        let fields = details.errors.iter().map(|field| format!("{}: {}", field.field, field.message));
        let errors = std::iter::once(details.detail.clone()).chain(fields).collect();
        let status = StatusCode::from_u16(details.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, errors, headers }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = kept_by_nobody((self.status, Json(Errors { errors: self.errors })));
        response.headers_mut().extend(self.headers);
        response
    }
}
