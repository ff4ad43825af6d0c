//! Keeps the log from growing for ever: deletes events that are old and that everybody who follows the log has applied.
//!
//! Subscribers say how far they are ([`note`]), and what one of them may still need stays. Only whoever was not known, or fell
//! silent for longer than [`Patience::silent`], can ask for an event that is gone, and is told so. The last event always
//! stays, as the numbers of the next ones follow from it, also in a copy of the log.

use std::time::Duration;

use super::outbox::{self, number};
use crate::config::EventsConfig;
use crate::context::Context;
use crate::params;
use crate::service::Job;
use crate::store::{FromRow, Migration, Query, Row, Scalar, Scope, Store, StoreError};
use crate::time::Timestamp;

/// The job's name, by which it can be woken.
const JOB: &str = "trim-events";
const PERIOD: Duration = Duration::from_hours(1);
/// How many events one unit of work deletes at most: others want to write too.
const BATCH: u32 = 500;
/// How long a subscriber may say nothing until the log no longer waits for it.
const SILENCE: Duration = Duration::from_hours(30 * 24);

/// `_subscribers`: how far those who follow this service's log have applied it, as they said last. The index is for the lists
/// of dead letters, which are a tenant's.
pub(crate) const SCHEMA: Migration = Migration::new(
    4,
    "subscribers",
    "CREATE TABLE _subscribers (
         service  TEXT PRIMARY KEY,
         position BIGINT NOT NULL,
         told_at  BIGINT NOT NULL
     );
     CREATE INDEX _parked_dead ON _parked (tenant_id, parked_at, source, position) WHERE state = 'dead';",
);

/// Somebody who follows the log.
struct Subscriber {
    service: String,
    position: u64,
    told_at: Timestamp,
}

impl FromRow for Subscriber {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { service: row.get("service")?, position: row.get("position")?, told_at: row.get("told_at")? })
    }
}

/// An event, as far as its age is concerned.
struct Aged {
    position: u64,
    time: Timestamp,
}

impl FromRow for Aged {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { position: row.get("position")?, time: row.get("time")? })
    }
}

/// How long events and subscribers are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Patience {
    keep: Duration,
    silent: Duration,
}

impl Patience {
    fn of(config: &EventsConfig) -> Self {
        let keep = Duration::from_hours(24 * u64::from(config.keep_days));
        Self { keep, silent: keep.max(SILENCE) }
    }
}

/// The job that every service has.
pub(crate) fn job() -> Job {
    Job::singleton(JOB, PERIOD, |context| Box::pin(async move { Ok(trim(&context).await?) }))
}

/// Writes down how far a subscriber has applied this service's log.
pub(super) async fn note(store: &Store, service: &str, position: u64) -> Result<(), StoreError> {
    let mut tx = store.begin(Scope::System).await?;
    let now = tx.clock().now();
    tx.execute(
        "INSERT INTO _subscribers (service, position, told_at) VALUES ($1, $2, $3)
         ON CONFLICT (service) DO UPDATE SET position = excluded.position, told_at = excluded.told_at",
        params![service, number(position), now],
    )
    .await?;
    tx.commit().await
}

async fn trim(context: &Context) -> Result<(), StoreError> {
    let (store, patience) = (&context.store, Patience::of(&context.config.events));
    let now = context.clock.now();
    let Some(last) = deletable(context, patience, now).await? else { return Ok(()) };
    let mut trimmed = 0;
    while !context.shutdown.is_cancelled() {
        let deleted = trim_some(store, last, now.minus(patience.keep)).await?;
        trimmed += deleted;
        if deleted < u64::from(BATCH) {
            break;
        }
    }
    if trimmed > 0 {
        tracing::info!(service = context.service, trimmed, "old events that everybody has applied were deleted");
    }
    Ok(())
}

/// The last event that nobody may need any more, whatever its age.
async fn deletable(context: &Context, patience: Patience, now: Timestamp) -> Result<Option<u64>, StoreError> {
    // Until now nobody may have been able to say that they follow the log.
    if now.since(asked_since(&context.store).await?) < patience.keep {
        return Ok(None);
    }
    let Some(before_last) = outbox::head(&context.store).await?.position.checked_sub(1) else { return Ok(None) };
    if context.store.simulation().is_some_and(|simulation| simulation.is_hasty()) {
        return Ok(Some(before_last));
    }
    let mut last = before_last;
    for subscriber in subscribers(&context.store).await? {
        let Subscriber { service: follower, position, told_at } = subscriber;
        if now.since(told_at) < patience.silent {
            last = last.min(position);
        } else if position < before_last {
            let service = context.service;
            tracing::error!(service, follower, position, "the log waits no longer for a subscriber that fell silent");
        }
    }
    Ok(Some(last))
}

/// Since when this service's store knows of subscribers; a copy of it asks anew.
async fn asked_since(store: &Store) -> Result<Timestamp, StoreError> {
    let sql = "SELECT applied_at FROM _migrations WHERE owner = 'kernel' AND name = 'subscribers'";
    let Scalar(since) = store.read(Scope::System).query_one(sql, params![]).await?;
    Ok(since)
}

async fn subscribers(store: &Store) -> Result<Vec<Subscriber>, StoreError> {
    let sql = "SELECT service, position, told_at FROM _subscribers ORDER BY service";
    store.read(Scope::System).query(sql, params![]).await
}

/// Deletes from the log's begin, so that it has no gap; how many.
async fn trim_some(store: &Store, last: u64, old: Timestamp) -> Result<u64, StoreError> {
    let mut tx = store.begin(Scope::System).await?;
    let sql = "SELECT position, time FROM _outbox WHERE position <= $1 ORDER BY position LIMIT $2";
    let oldest: Vec<Aged> = tx.query(sql, params![number(last), BATCH]).await?;
    let Some(until) = oldest.iter().take_while(|event| event.time < old).last() else { return Ok(0) };
    let deleted = tx.execute("DELETE FROM _outbox WHERE position <= $1", params![number(until.position)]).await?;
    tx.commit().await?;
    Ok(deleted)
}
