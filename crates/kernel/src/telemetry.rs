//! Logs: readable lines for people, or one JSON object a line. Traces: to an OTLP collector, when one is configured.
//!
//! The spans that the kernel opens (a request, a mesh call, an event, a job) are what is exported, under the ids of the W3C
//! trace that the request came with. [`RequestScope::in_span`](crate::scope::RequestScope::in_span) ties the two together:
//! what travels on in `traceparent` names the exported span, so that the next service's span is its child.

mod otlp;

use std::io::IsTerminal;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, TelemetryConfig};
use crate::scope::TraceContext;

pub use otlp::ExportError;

/// The log or the traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `telemetry.filter` is not a list of directives.
    #[error("telemetry.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// `telemetry.otlp` names no collector that traces can be sent to.
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
        LogFormat::Text => text().boxed(),
        LogFormat::Json => tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    let mut layers = vec![log.with_filter(EnvFilter::try_new(&config.filter)?).boxed()];
    let exporter = match config.otlp.as_str() {
        "" => None,
        url => Some(otlp::Exporter::start(url)?),
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
    let context = span.context();
    let exported = context.span().span_context().clone();
    exported.is_valid().then(|| TraceContext {
        trace_id: u128::from_be_bytes(exported.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(exported.span_id().to_bytes()),
        sampled: exported.is_sampled(),
    })
}

fn text<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .compact()
}
