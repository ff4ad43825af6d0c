//! The way of a request into a service, the same for all of them.

use std::any::Any;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use tracing::field::Empty;

use crate::auth::Caller;
use crate::context::Context;
use crate::extract::header_text;
use crate::idempotency;
use crate::problem::Problem;
use crate::scope::{Asked, RequestScope, Route, TraceContext, hex_text};
use crate::service::Front;
use crate::telemetry;

/// Names a request in every log line.
pub const REQUEST_ID: &str = "x-request-id";
/// W3C Trace Context.
pub const TRACEPARENT: &str = "traceparent";
/// How long the asker still waits, in milliseconds.
pub const DEADLINE: &str = "x-nexus-deadline-ms";
/// The largest JSON body, in bytes, that a handler's extractor reads.
const BODY_LIMIT: usize = 1 << 20;

/// What a reply is measured under, where its route's template says too little. A reply carries it among its extensions.
#[derive(Debug, Clone, Copy)]
pub struct MeasuredAs(pub &'static str);

/// Puts the layers around a service's routes. Read it from the bottom up: the last one added meets the request first.
pub(crate) fn around(routes: Router<Context>, context: &Context, front: Option<&Front>) -> Router {
    let routes = routes
        .fallback(|| async { Problem::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed("this path does not know this method") })
        .layer(from_fn(explain_refusals))
        // The reply that an Idempotency-Key stores is the handler's own.
        .layer(from_fn_with_state(context.clone(), idempotency::layer))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        // Other services' doors stay closed to everybody else, whatever a handler forgets.
        .layer(from_fn(internal_only));
    let routes = match front {
        Some(front) => front(routes, context),
        None => routes,
    };
    routes
        // A panic becomes a 500 that is counted and logged like any other.
        .layer(CatchPanicLayer::custom(panicked))
        // Outermost: everything below runs inside the request's scope and is measured.
        .layer(from_fn_with_state(context.clone(), observe))
        .with_state(context.clone())
}

/// What axum's own extractors refuse, they refuse in plain text: a path or a query that does not have the right types.
async fn explain_refusals(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !status.is_client_error() || !kind.starts_with("text/plain") {
        return response;
    }
    let reason = to_bytes(response.into_body(), BODY_LIMIT).await.unwrap_or_default();
    let title = status.canonical_reason().unwrap_or("Refused");
    Problem::new(status, "invalid-request", title).detail(String::from_utf8_lossy(&reason)).into_response()
}

async fn internal_only(request: Request, next: Next) -> Response {
    let internal = request.uri().path().starts_with("/internal/");
    if internal && request.extensions().get::<Caller>().is_none() {
        return Problem::not_found("there is nothing at this path").into_response();
    }
    next.run(request).await
}

/// What a panic becomes: 500, with its message in the log.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Problem::internal(format!("panic: {message}")).into_response()
}

async fn observe(State(context): State<Context>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.map_or(Route::Named("unmatched"), Route::Matched);
    observed(&context, route, request, |request| next.run(request)).await
}

/// Answers a request inside its scope and its span, and measures it: what is around every service's routes, for a front that
/// takes requests from elsewhere than a router.
pub async fn observed<F: Future<Output = Response>>(
    context: &Context,
    route: Route,
    request: Request,
    work: impl FnOnce(Request) -> F,
) -> Response {
    let started = Instant::now();
    let _in_flight = context.metrics.begin();
    let asked = Asked { service: context.service, method: request.method().clone(), route: route.clone() };
    let method = asked.method.clone();
    let mut scope = scope_of(request.headers());
    if request.extensions().get::<Caller>().is_none() {
        // A stranger's haste would make healthy services look slow.
        scope.deadline = None;
    }
    let span = tracing::info_span!(
        target: telemetry::TRACED,
        "request",
        service = context.service,
        %method,
        route = route.as_str(),
        request_id = scope.request_id,
        trace_id = Empty,
        status = Empty,
    );
    scope = scope.in_span(&span, parent_of(request.headers()));
    if !span.is_disabled() {
        span.record("trace_id", format_args!("{:032x}", scope.trace.trace_id));
    }
    let request_id = HeaderValue::try_from(&scope.request_id).ok();
    // Where it is, as what follows only borrows it: a request's future is large, and each layer would copy it.
    let work = pin!(work(request));
    let mut response = scope.answer(asked, work).instrument(span.clone()).await;
    let ended = Instant::now();
    let (status, took) = (response.status().as_u16(), ended - started);
    let measured_as = response.extensions().get::<MeasuredAs>().map_or(route.as_str(), |measured| measured.0);
    context.metrics.record(measured_as, method.as_str(), status, took, ended);
    span.record("status", status);
    tracing::debug!(%method, route = route.as_str(), status, ms = milliseconds(took), "answered");
    if let Some(request_id) = request_id {
        response.headers_mut().insert(HeaderName::from_static(REQUEST_ID), request_id);
    }
    response
}

fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// The span that caused a request.
fn parent_of(headers: &HeaderMap) -> Option<TraceContext> {
    header_text(headers, TRACEPARENT).and_then(|text| text.parse().ok())
}

/// The scope that a request's headers ask for, or a new one.
pub fn scope_of(headers: &HeaderMap) -> RequestScope {
    let trace = parent_of(headers).map_or_else(TraceContext::root, TraceContext::child);
    let request_id = header_text(headers, REQUEST_ID)
        .filter(|id| {
            (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        })
        .map_or_else(|| hex_text::<32>(rand::random()), str::to_owned);
    let deadline = header_text(headers, DEADLINE)
        .and_then(|text| text.parse().ok())
        .and_then(|left| Instant::now().checked_add(Duration::from_millis(left)));
    RequestScope { request_id, trace, deadline }
}
