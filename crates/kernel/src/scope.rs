//! What travels with a request through every call and event that it causes: its id, its trace and its deadline.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Span;

use crate::telemetry;

tokio::task_local! {
    static CURRENT: RequestScope;
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

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// The header is not a `traceparent` (W3C Trace Context section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: expected 00-<32 hex>-<16 hex>-<2 hex>")]
pub struct InvalidTraceparent;

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('-').collect();
        let [version, trace, span, flags] = parts[..] else { return Err(InvalidTraceparent) };
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
        CURRENT.try_with(Clone::clone).ok()
    }

    /// A scope for work that no request caused.
    pub fn root() -> Self {
        let trace = TraceContext::root();
        Self { request_id: format!("{:032x}", trace.trace_id), trace, deadline: None }
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
        CURRENT.scope(self, future).await
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
