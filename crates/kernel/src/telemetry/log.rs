//! Lines of the log that belong to a request say to which.

use std::fmt::{self, Write};

use serde::Serialize;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::scope::{Asked, RequestScope, hex_text};

/// Another form of lines, with the request at the end.
pub(super) struct InRequest<F> {
    form: F,
    name: fn(&mut String, &Named<'_>) -> fmt::Result,
}

impl<F> InRequest<F> {
    /// Around lines for people.
    pub(super) fn text(form: F) -> Self {
        Self { form, name: as_fields }
    }

    /// Around one JSON object a line.
    pub(super) fn json(form: F) -> Self {
        Self { form, name: as_member }
    }
}

/// What names a request.
#[derive(Serialize)]
struct Named<'a> {
    service: &'static str,
    method: &'a str,
    route: &'a str,
    request_id: &'a str,
    trace_id: String,
}

impl<'a> Named<'a> {
    fn of(asked: &'a Asked, scope: &'a RequestScope) -> Self {
        Self {
            service: asked.service,
            method: asked.method.as_str(),
            route: asked.route.as_str(),
            request_id: &scope.request_id,
            trace_id: hex_text::<32>(scope.trace.trace_id),
        }
    }
}

fn as_fields(line: &mut String, request: &Named<'_>) -> fmt::Result {
    let Named { service, method, route, request_id, trace_id } = request;
    writeln!(line, " service={service} method={method} route={route} request_id={request_id} trace_id={trace_id}")
}

fn as_member(line: &mut String, request: &Named<'_>) -> fmt::Result {
    let request = serde_json::to_string(request).map_err(|_| fmt::Error)?;
    if !line.ends_with('}') {
        return Err(fmt::Error);
    }
    line.pop();
    writeln!(line, ",\"request\":{request}}}")
}

impl<S, N, F> FormatEvent<S, N> for InRequest<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let in_request = Asked::now(|asked, scope| -> Result<String, fmt::Error> {
            let mut line = String::new();
            self.form.format_event(ctx, Writer::new(&mut line), event)?;
            line.truncate(line.trim_end().len());
            (self.name)(&mut line, &Named::of(asked, scope))?;
            Ok(line)
        });
        match in_request {
            Some(line) => writer.write_str(&line?),
            None => self.form.format_event(ctx, writer, event),
        }
    }
}
