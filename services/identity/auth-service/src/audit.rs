//! Reading what was done: a page at a time, or all of it as a file.

use std::time::Duration;

use axum::body::Bytes;
use futures::Stream;
use futures::stream::try_unfold;
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::{Context, Principal, Problem, Resource};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::sign_in_event::{Filter, SignInEvent};
use crate::store;

/// How many events are read at once for a file.
const CHUNK: i64 = 1_000;
const DAY: Duration = Duration::from_hours(24);

/// What a file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SignInExportFormat)]
pub(crate) enum Format {
    /// For spreadsheets (RFC 4180), with names in the first line.
    #[default]
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// Its media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// What saves it as a file (RFC 6266).
    pub(crate) const fn disposition(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"sign-ins.csv\"",
            Self::Ndjson => "attachment; filename=\"sign-ins.ndjson\"",
        }
    }
}

/// One page of what was done, newest first.
pub(crate) async fn list(
    context: &Context,
    asker: &Principal,
    filter: &Filter,
    page: &Page,
) -> Result<Paged<SignInEvent>, Problem> {
    allow(context, asker, filter)?;
    let events = store::events(context, filter, page.after.clone(), page.fetch()).await?;
    Ok(Paged::of(events, page, SignInEvent::position))
}

/// Everybody sees what was done with their own account; the filter has to say that it is about that.
fn allow(context: &Context, asker: &Principal, filter: &Filter) -> Result<(), Problem> {
    let events = Resource::all("SignInEvents", asker.tenant);
    let events = match filter.user {
        Some(user) => events.owner(user),
        None => events,
    };
    context.authorize(asker, "read-audit", &events)
}

/// Where a file's writing stands.
struct Written {
    context: Context,
    filter: Filter,
    format: Format,
    before: Option<String>,
    done: bool,
}

/// All of what was done, newest first, as it is read.
pub(crate) fn export(
    context: &Context,
    asker: &Principal,
    filter: Filter,
    format: Format,
) -> Result<impl Stream<Item = Result<Bytes, Error>> + use<>, Problem> {
    allow(context, asker, &filter)?;
    let start = Written { context: context.clone(), filter, format, before: None, done: false };
    Ok(try_unfold(start, chunk))
}

async fn chunk(written: Written) -> Result<Option<(Bytes, Written)>, Error> {
    if written.done {
        return Ok(None);
    }
    let events = store::events(&written.context, &written.filter, written.before.clone(), CHUNK).await?;
    let text = match written.format {
        Format::Csv => csv(&events, written.before.is_none())?,
        Format::Ndjson => ndjson(&events)?,
    };
    let before = events.last().map(SignInEvent::position);
    let done = i64::try_from(events.len()).unwrap_or(CHUNK) < CHUNK;
    Ok(Some((text.into(), Written { before, done, ..written })))
}

const COLUMNS: [&str; 9] =
    ["id", "happened_at", "user_id", "action", "outcome", "method", "device", "address", "session_id"];

fn csv(events: &[SignInEvent], first: bool) -> Result<Vec<u8>, Error> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let failed = |error: csv::Error| Error::Export(error.to_string());
    if first {
        writer.write_record(COLUMNS).map_err(failed)?;
    }
    for event in events {
        writer.serialize(SignInEvent { device: plain(&event.device), ..event.clone() }).map_err(failed)?;
    }
    writer.into_inner().map_err(|error| Error::Export(error.to_string()))
}

/// A text that no spreadsheet takes for a formula.
fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() }
}

fn ndjson(events: &[SignInEvent]) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    for event in events {
        serde_json::to_writer(&mut text, event).map_err(|error| Error::Export(error.to_string()))?;
        text.push(b'\n');
    }
    Ok(text)
}

/// Forgets what is too old.
pub(crate) async fn forget(context: Context) -> Result<(), Problem> {
    let kept = DAY.saturating_mul(context.config.identity.audit_days.max(1));
    store::forget_events_before(&context, context.clock.now().minus(kept)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use nexus_kernel::{Clock, Ids, Timestamp, UserId};

    use super::*;
    use crate::sign_in_event::{Action, Method, Outcome, SignInEventId};

    #[test]
    fn a_line_has_its_columns_in_their_order_and_no_formula() {
        let ids = Ids::new(Clock::system());
        let event = SignInEvent {
            id: SignInEventId(ids.next()),
            happened_at: Timestamp::from_micros(1_800_000_000_000_000),
            user_id: UserId(ids.next()),
            action: Action::SignIn,
            outcome: Outcome::Failed,
            method: Some(Method::Password),
            device: "-cmd".to_owned(),
            address: "203.0.113.7".to_owned(),
            session_id: None,
        };
        let text = String::from_utf8(csv(std::slice::from_ref(&event), true).unwrap()).unwrap();
        let (id, user) = (event.id, event.user_id);
        let expected = format!(
            "id,happened_at,user_id,action,outcome,method,device,address,session_id\n\
             {id},2027-01-15T08:00:00Z,{user},sign-in,failed,password,'-cmd,203.0.113.7,\n"
        );
        assert_eq!(text, expected);
        assert!(csv(&[], false).unwrap().is_empty());
    }
}
