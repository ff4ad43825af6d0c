//! What travels with a request through every call and event that it causes: its id, its trace and its deadline.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::MatchedPath;
use http::Method;
use tokio::time::Instant;
use tracing::Span;

use crate::telemetry;

tokio::task_local! {
    static CURRENT: Arc<Current>;
}

/// What runs now.
struct Current {
    scope: RequestScope,
    asked: Option<Asked>,
}

/// W3C Trace Context, level 1: the trace and the span that caused this work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// 16 bytes, never all zero.
    pub trace_id: u128,
    /// 8 bytes, never all zero.
    pub span_id: u64,
    /// Whether somebody upstream records this trace.
    pub sampled: bool,
}

impl TraceContext {
    /// The start of a new trace.
    pub fn root() -> Self {
        Self { trace_id: rand::random::<u128>().max(1), span_id: rand::random::<u64>().max(1), sampled: true }
    }

    /// A new span in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: rand::random::<u64>().max(1), ..self }
    }
}

impl TraceContext {
    /// As the header has it (section 3.2).
    pub(crate) fn header(&self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        text[3..35].copy_from_slice(&hex::<32>(self.trace_id));
        text[36..52].copy_from_slice(&hex::<16>(self.span_id.into()));
        text[54] += u8::from(self.sampled);
        text
    }
}

/// The lowest digits of a number; `format!` takes as long for one as all the rest of a request's scope.
pub(crate) fn hex<const DIGITS: usize>(number: u128) -> [u8; DIGITS] {
    let mut text = [0; DIGITS];
    let mut rest = number;
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest & 0xf) as usize];
        rest >>= 4;
    }
    text
}

/// The same as a text.
pub(crate) fn hex_text<const DIGITS: usize>(number: u128) -> String {
    String::from_utf8_lossy(&hex::<DIGITS>(number)).into_owned()
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header().into_iter().try_for_each(|byte| fmt::Write::write_char(f, byte.into()))
    }
}

/// The header is not a `traceparent` (W3C Trace Context section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: expected 00-<32 hex>-<16 hex>-<2 hex>")]
pub struct InvalidTraceparent;

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(InvalidTraceparent);
        let (version, trace, span, flags) = (part()?, part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(InvalidTraceparent);
        }
        let hex = |part: &str, digits: usize| {
            (part.len() == digits && part.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()))
                .then(|| u128::from_str_radix(part, 16).ok())
                .flatten()
                .ok_or(InvalidTraceparent)
        };
        let (version, trace_id) = (hex(version, 2)?, hex(trace, 32)?);
        let span_id = u64::try_from(hex(span, 16)?).map_err(|_| InvalidTraceparent)?;
        let sampled = hex(flags, 2)? & 1 == 1;
        if version == 0xff || trace_id == 0 || span_id == 0 {
            return Err(InvalidTraceparent);
        }
        Ok(Self { trace_id, span_id, sampled })
    }
}

/// A route: its template, never the path that was asked for.
#[derive(Debug, Clone)]
pub enum Route {
    /// One that has a name.
    Named(&'static str),
    /// One that a router found.
    Matched(MatchedPath),
}

impl Route {
    /// The template.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Matched(path) => path.as_str(),
        }
    }
}

/// What was asked for, and of whom.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) service: &'static str,
    pub(crate) method: Method,
    pub(crate) route: Route,
}

impl Asked {
    /// Looks at the request that the running task answers, if it does.
    pub(crate) fn now<T>(look: impl FnOnce(&Self, &RequestScope) -> T) -> Option<T> {
        CURRENT.try_with(|current| current.asked.as_ref().map(|asked| look(asked, &current.scope))).ok().flatten()
    }
}

/// What travels with a request.
#[derive(Debug, Clone)]
pub struct RequestScope {
    /// Names the request in every log line and reply (`x-request-id`).
    pub request_id: String,
    /// The trace that this request is part of.
    pub trace: TraceContext,
    /// When the asker stops waiting.
    pub deadline: Option<Instant>,
}

impl RequestScope {
    /// The scope of the running task, if it serves a request or applies an event.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| current.scope.clone()).ok()
    }

    /// A scope for work that no request caused.
    pub fn root() -> Self {
        let trace = TraceContext::root();
        Self { request_id: hex_text::<32>(trace.trace_id), trace, deadline: None }
    }

    /// The same scope for the work of this span. Where traces are exported the scope's trace becomes the span itself, as a
    /// child of `parent`: the work of another process or of an earlier time that caused it.
    #[must_use]
    pub fn in_span(mut self, span: &Span, parent: Option<TraceContext>) -> Self {
        self.trace = telemetry::join(span, parent).unwrap_or(self.trace);
        self
    }

    /// Runs the future inside this scope.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(Arc::new(Current { scope: self, asked: None }), future).await
    }

    /// The same for the answer to a request, which the lines of the log then name.
    pub(crate) fn answer<F: Future>(self, asked: Asked, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(Arc::new(Current { scope: self, asked: Some(asked) }), future)
    }

    /// How long the asker still waits; `None` when it set no limit.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_written_unchanged() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(text.parse::<TraceContext>().unwrap().to_string(), text);
    }

    #[test]
    fn a_traceparent_that_the_standard_forbids_is_refused() {
        for text in [
            "",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(InvalidTraceparent), "{text}");
        }
    }
}
