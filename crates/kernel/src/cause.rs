//! The trace that caused work to be done later: what a row remembers, so that a job's work belongs to the request that asked
//! for it.

use tracing::{Instrument, Span};

use crate::scope::{RequestScope, TraceContext};
use crate::store::{FromValue, Value};

/// The trace that caused work, as a nullable TEXT column keeps it (a `traceparent`, W3C Trace Context section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cause(Option<TraceContext>);

impl Cause {
    /// The trace of the request, event or job that runs now; none outside of them.
    pub fn current() -> Self {
        Self(RequestScope::current().map(|scope| scope.trace))
    }

    /// Does the work as part of the trace that caused it, under this span; without a cause it begins a trace.
    pub async fn resume<F: Future>(self, span: Span, work: F) -> F::Output {
        let root = RequestScope::root();
        let scope = RequestScope { trace: self.0.map_or(root.trace, TraceContext::child), ..root };
        scope.in_span(&span, self.0).run(work).instrument(span).await
    }
}

impl From<Cause> for Value {
    fn from(cause: Cause) -> Self {
        cause.0.map(|trace| trace.to_string()).into()
    }
}

impl FromValue for Cause {
    fn from_value(value: &Value) -> Option<Self> {
        // What can't be read costs a trace and not the work.
        Option::<String>::from_value(value).map(|text| Self(text.and_then(|text| text.parse().ok())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn trace_of(cause: Cause) -> u128 {
        cause.resume(Span::none(), async { RequestScope::current().unwrap().trace.trace_id }).await
    }

    #[tokio::test]
    async fn work_that_is_done_later_belongs_to_the_trace_that_caused_it() {
        let request = RequestScope::root();
        let trace = request.trace.trace_id;
        let kept = Value::from(request.run(async { Cause::current() }).await);
        assert_eq!(trace_of(Cause::from_value(&kept).unwrap()).await, trace);
    }

    #[tokio::test]
    async fn work_without_a_readable_cause_begins_a_trace() {
        assert_eq!(Value::from(Cause::current()), Value::Null);
        for value in [Value::Null, Value::Text("00-nonsense".to_owned())] {
            assert_ne!(trace_of(Cause::from_value(&value).unwrap()).await, 0, "{value:?}");
        }
        assert_eq!(Cause::from_value(&Value::Int(1)), None);
    }
}
