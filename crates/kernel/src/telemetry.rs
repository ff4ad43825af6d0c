//! Logs: readable lines for people, or one JSON object a line. Traces: to an OTLP collector, when one is configured.
//!
//! The spans that the kernel opens (a request, a mesh call, an event, a job) are what is exported, under the ids of the W3C
//! trace that the request came with. [`RequestScope::in_span`](crate::scope::RequestScope::in_span) ties the two together:
//! what travels on in `traceparent` names the exported span, so that the next service's span is its child. The spans of
//! requests and calls exist only where traces are exported: they are made too often. Lines of the log name their request by
//! its scope ([`log`]).

mod log;
mod otlp;

use std::io::IsTerminal;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, TelemetryConfig};
use crate::scope::TraceContext;

pub use otlp::ExportError;

/// The target of spans that are exported, and are nothing to the log.
pub(crate) const TRACED: &str = "nexus::traced";

/// The log or the traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `telemetry.filter` is not a list of directives.
    #[error("telemetry.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// `telemetry.otlp` and `telemetry.ca` name no collector that traces can be sent to.
    #[error("telemetry.otlp: {0}")]
    Export(#[from] ExportError),
    /// Something else already took the log.
    #[error("the log is already set up: {0}")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

/// Keeps traces going out. When it is dropped, those that still wait are sent; that takes at most a few seconds.
#[derive(Debug)]
#[must_use = "traces stop when this is dropped"]
pub struct Telemetry {
    _exporter: Option<otlp::Exporter>,
}

/// Sends this process's log to standard error in the configured form, and its traces to the configured collector.
pub fn install(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let log = match config.format {
        LogFormat::Text => text(std::io::stderr).boxed(),
        LogFormat::Json => json(std::io::stderr).boxed(),
    };
    let filter = EnvFilter::try_new(&config.filter)?.add_directive(format!("{TRACED}=off").parse()?);
    let mut layers = vec![log.with_filter(filter).boxed()];
    let exporter = match config.otlp.as_str() {
        "" => None,
        url => Some(otlp::Exporter::start(url, &config.ca)?),
    };
    if let Some(exporter) = &exporter {
        // What is logged and what is traced are two choices: a quiet log must not end the traces.
        layers.push(exporter.layer().with_filter(LevelFilter::INFO).boxed());
    }
    tracing_subscriber::registry().with(layers).try_init()?;
    Ok(Telemetry { _exporter: exporter })
}

/// Makes the span a child of `parent` (else of the span that it was opened in, else it begins a trace) and says under which
/// ids it is exported; `None` when it is not.
pub(crate) fn join(span: &Span, parent: Option<TraceContext>) -> Option<TraceContext> {
    if span.is_disabled() {
        return None;
    }
    if let Some(parent) = parent {
        let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
        let (trace, id) = (TraceId::from(parent.trace_id), SpanId::from(parent.span_id));
        let remote = SpanContext::new(trace, id, flags, true, TraceState::default());
        let context = opentelemetry::Context::new().with_remote_span_context(remote);
        // It fails where nothing is exported, which the next line tells.
        let _ = span.set_parent(context);
    }
    identity(span)
}

/// The ids under which the span is exported; `None` when it is not.
pub(crate) fn identity(span: &Span) -> Option<TraceContext> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let exported = context.span().span_context().clone();
    exported.is_valid().then(|| TraceContext {
        trace_id: u128::from_be_bytes(exported.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(exported.span_id().to_bytes()),
        sampled: exported.is_sampled(),
    })
}

fn text<S, W>(writer: W) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let colours = std::io::stderr().is_terminal();
    let format = tracing_subscriber::fmt::format().with_ansi(colours).with_target(false).compact();
    tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours).event_format(log::InRequest::text(format))
}

fn json<S, W>(writer: W) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer().json().map_event_format(log::InRequest::json).with_writer(writer)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use http::Method;

    use super::*;
    use crate::scope::{Asked, RequestScope, Route};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// One line outside of a request and one inside.
    async fn logged(subscriber: impl Subscriber + Send + Sync + 'static, lines: Lines) -> Vec<String> {
        let _guard = tracing::subscriber::set_default(subscriber);
        tracing::warn!(instance = 7, "outside");
        let asked = Asked { service: "scheduler", method: Method::PUT, route: Route::Named("/api/tasks/{id}") };
        let scope = RequestScope { request_id: "r-1".to_owned(), ..RequestScope::root() };
        scope.answer(asked, async { tracing::warn!(instance = 8, "inside") }).await;
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_line_for_people_names_the_request_that_it_belongs_to() {
        let lines = Lines::default();
        let logged = logged(tracing_subscriber::registry().with(text(lines.clone())), lines).await;
        let [outside, inside] = &logged[..] else { panic!("{logged:?}") };
        assert!(outside.ends_with("outside instance=7"), "{outside}");
        let request = " service=scheduler method=PUT route=/api/tasks/{id} request_id=r-1 trace_id=";
        assert!(inside.contains(&format!("inside instance=8{request}")), "{inside}");
    }

    #[tokio::test]
    async fn a_line_for_programs_is_one_object_with_its_request() {
        let lines = Lines::default();
        let logged = logged(tracing_subscriber::registry().with(json(lines.clone())), lines).await;
        let logged: Vec<serde_json::Value> = logged.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&logged[0]["fields"]["instance"], &logged[0]["request"]), (&7.into(), &serde_json::Value::Null));
        let request = &logged[1]["request"];
        assert_eq!((&logged[1]["fields"]["instance"], &request["request_id"]), (&8.into(), &"r-1".into()));
        assert_eq!((&request["service"], &request["route"]), (&"scheduler".into(), &"/api/tasks/{id}".into()));
        assert_eq!(request["trace_id"].as_str().unwrap().len(), 32);
    }
}
