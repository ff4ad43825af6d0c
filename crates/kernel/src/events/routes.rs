//! What every service answers to other services about its events.

use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use garde::Validate;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::consumer::log_of;
use super::outbox::{self, number};
use super::parked::{self, DeadLetter, Place};
use super::trim;
use crate::auth::Caller;
use crate::context::Context;
use crate::extract::Valid;
use crate::ids::TenantId;
use crate::params;
use crate::problem::Problem;
use crate::store::{Query as _, Scalar, Scope};
use crate::time::Timestamp;

/// The number of the last event in the log.
pub(super) const HEAD: &str = "x-nexus-head";
/// Which log it is.
pub(super) const LOG: &str = "x-nexus-log";
/// `CloudEvents` JSON format, section 4.
const BATCH: &str = "application/cloudevents-batch+json";
/// The most events of one reply.
const MAX_LIMIT: u32 = 1_000;
/// After this much data a reply ends, in bytes; it has one event at least.
const ENOUGH: usize = 1 << 20;

/// The routes that every service has.
pub fn routes() -> Router<Context> {
    Router::new()
        .route("/internal/events", get(list))
        .route("/internal/events/log", get(log))
        .route("/internal/events/cursor", put(reached))
        .route("/internal/events/rewind", post(rewind))
        .route("/internal/dead-letters", get(dead_letters))
        .route("/internal/dead-letters/{tenant}/{source}/{position}/replay", post(replay))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

async fn list(
    State(context): State<Context>,
    range: Result<Query<Range>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(range) = range.map_err(|error| Problem::bad_request("invalid-range", error.body_text()))?;
    let limit = range.limit.unwrap_or(outbox::PASS);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request("invalid-range", format!("limit must be from 1 to {MAX_LIMIT}")));
    }
    // The head first: an event that is committed in between is then beyond it, and not missing before it.
    let head = outbox::head(&context.store).await?;
    let mut events = outbox::read(&context.store, context.service, range.after, limit).await?;
    if let Some(first) = events.first().map(|first| first.position).filter(|first| *first > range.after + 1) {
        return Err(gone(range.after, first));
    }
    let mut size = 0;
    let fitting = events.iter().take_while(|event| {
        let fits = size < ENOUGH;
        size += event.data.get().len();
        fits
    });
    let fitting = fitting.count();
    events.truncate(fitting);
    let headers = [
        (header::CONTENT_TYPE.as_str(), BATCH.to_owned()),
        (HEAD, head.position.to_string()),
        (LOG, head.log.to_string()),
    ];
    Ok((headers, Json(events)))
}

/// Some of what was asked for was deleted, as everybody who was known to follow the log had applied it.
fn gone(after: u64, first: u64) -> Problem {
    Problem::new(StatusCode::GONE, "events-gone", "These events are gone")
        .detail(format!("the log begins with event {first}, and events from {} on were asked for", after + 1))
}

async fn log(State(context): State<Context>) -> Result<Json<outbox::Log>, Problem> {
    Ok(Json(outbox::log(&context.store).await?))
}

/// How far a subscriber has applied a log.
#[derive(Debug, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct Reached {
    /// The last event that it has applied or parked; 0 before the first.
    #[garde(skip)]
    pub(super) position: u64,
}

async fn reached(
    State(context): State<Context>,
    Caller(subscriber): Caller,
    Valid(reached): Valid<Reached>,
) -> Result<StatusCode, Problem> {
    trim::note(&context.store, &subscriber, reached.position).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Some of a tenant's dead letters in one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// Oldest first.
    pub items: Vec<DeadLetter>,
}

/// Which dead letters to list: a tenant's, and of those the ones that follow the one that was first dead `since`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    tenant: TenantId,
    since: Option<Timestamp>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    position: u64,
    limit: Option<u32>,
}

async fn dead_letters(
    State(context): State<Context>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<DeadLetters>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request("invalid-list", error.body_text()))?;
    let limit = wanted.limit.unwrap_or(outbox::PASS);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request("invalid-list", format!("limit must be from 1 to {MAX_LIMIT}")));
    }
    let after = wanted.since.map(|since| Place { since, source: wanted.source, position: wanted.position });
    let items = parked::dead_letters(&context.store, context.service, wanted.tenant, after.as_ref(), limit).await?;
    Ok(Json(DeadLetters { items }))
}

async fn replay(
    State(context): State<Context>,
    Path((tenant, source, position)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    let found = match (tenant.parse(), position.parse()) {
        (Ok(tenant), Ok(position)) => parked::replay(&context.store, TenantId(tenant), &source, position).await?,
        _ => false,
    };
    if found {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found(format!("{} has no dead letter {position} of {source}", context.service)))
}

/// Asks a service to apply another's events again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rewind {
    /// The service that published them.
    #[garde(length(min = 1, max = 100))]
    #[schema(example = "token-mgr")]
    pub source: String,
    /// The first one to apply again.
    #[garde(range(min = 1))]
    #[schema(minimum = 1, example = 1042)]
    pub position: u64,
}

/// Handlers see these events again and must be able to bear it: rewinding is for mending what a handler did wrong.
async fn rewind(State(context): State<Context>, Valid(rewind): Valid<Rewind>) -> Result<StatusCode, Problem> {
    let (source, last) = (rewind.source.as_str(), number(rewind.position - 1));
    let sql = "SELECT position FROM _cursors WHERE source = $1 AND position >= $2";
    let mut reader = context.store.read(Scope::System);
    if reader.query_optional::<Scalar<u64>>(sql, params![source, last]).await?.is_none() {
        return Err(nothing_to_rewind(&context, &rewind));
    }
    let log = log_of(&context, source).await?;
    if rewind.position < log.first {
        return Err(gone(rewind.position - 1, log.first));
    }
    let mut tx = context.store.begin(Scope::System).await?;
    // Only backwards: what lies ahead must be applied and not skipped.
    let sql = "UPDATE _cursors SET position = $2 WHERE source = $1 AND position >= $2";
    if tx.execute(sql, params![source, last]).await? == 0 {
        return Err(nothing_to_rewind(&context, &rewind));
    }
    // Those that are parked come again with the others.
    tx.execute("DELETE FROM _parked WHERE source = $1 AND position > $2", params![source, last]).await?;
    tx.commit().await?;
    tracing::info!(service = context.service, source, position = rewind.position, "applying events again");
    Ok(StatusCode::NO_CONTENT)
}

fn nothing_to_rewind(context: &Context, Rewind { source, position }: &Rewind) -> Problem {
    let detail = format!("{} has not applied event {position} of {source}", context.service);
    Problem::unprocessable("nothing-to-rewind", detail)
}
