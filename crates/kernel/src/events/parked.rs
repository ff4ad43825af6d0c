//! Events that failed, and those of the same key that wait behind them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CloudEvent;
use super::cloud_event::COLUMNS;
use super::outbox::number;
use crate::ids::TenantId;
use crate::params;
use crate::store::{Query, Row, Scalar, Scope, Store, StoreError, Tx};
use crate::time::{Clock, Timestamp};

/// After this many failures an event is a dead letter; with the pauses between them about nine minutes after the first.
pub(super) const ATTEMPTS: u32 = 10;
/// The pause after the first failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// How much of an error is kept, in characters.
const ERROR_LENGTH: usize = 1_000;

/// An event that failed for the last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetter {
    /// The service that could not apply it.
    #[schema(example = "session-mgr")]
    pub service: String,
    /// The service that published it.
    #[schema(example = "token-mgr")]
    pub source: String,
    /// Its number in the publisher's log.
    #[schema(minimum = 1, example = 1042)]
    pub position: u64,
    /// Whose data it is about.
    pub tenant: TenantId,
    /// What kind of event it is.
    #[serde(rename = "type")]
    #[schema(example = "token-mgr.tokens.refreshed.v1")]
    pub kind: String,
    /// The key within whose events order is kept.
    #[schema(example = "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11")]
    pub key: String,
    /// How often it was tried.
    #[schema(minimum = 1, example = 10)]
    pub attempts: u32,
    /// Why the last attempt failed.
    #[schema(example = "touch: 503 unavailable: the store did not answer")]
    pub error: String,
    /// When it failed first.
    pub since: Timestamp,
}

/// An attempt that failed, and what follows from it.
pub(super) struct Failure {
    attempts: u32,
    error: String,
    next_attempt_at: Timestamp,
}

impl Failure {
    pub(super) fn first(clock: &Clock, error: &str) -> Self {
        Self::again(clock, 0, error)
    }

    /// The failure that follows `before` others.
    pub(super) fn again(clock: &Clock, before: u32, error: &str) -> Self {
        Self {
            attempts: before + 1,
            error: error.chars().take(ERROR_LENGTH).collect(),
            next_attempt_at: clock.now().plus(clock.jittered(pause(before))),
        }
    }

    pub(super) fn is_last(&self) -> bool {
        self.attempts >= ATTEMPTS
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn error(&self) -> &str {
        &self.error
    }

    fn state(&self) -> &'static str {
        if self.is_last() { "dead" } else { "waiting" }
    }
}

/// Up to half of it is taken off by chance.
fn pause(before: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(before)).min(LONGEST_PAUSE)
}

/// Whether events of this source wait.
pub(super) async fn any_waiting(tx: &mut Tx, source: &str) -> Result<bool, StoreError> {
    let sql = "SELECT position FROM _parked WHERE source = $1 AND state = 'waiting' LIMIT 1";
    Ok(tx.query_optional::<Scalar<i64>>(sql, params![source]).await?.is_some())
}

/// Whether an earlier event of the same tenant and key waits.
pub(super) async fn key_waits(tx: &mut Tx, event: &CloudEvent) -> Result<bool, StoreError> {
    let sql = "SELECT position FROM _parked
               WHERE source = $1 AND state = 'waiting' AND tenant_id = $2 AND key = $3 AND position < $4 LIMIT 1";
    let found: Option<Scalar<i64>> = tx
        .query_optional(sql, params![event.source.as_str(), event.tenant, event.key.as_str(), number(event.position)])
        .await?;
    Ok(found.is_some())
}

/// Parks an event behind an earlier one of its key; it is tried as soon as that one is out of its way.
pub(super) async fn park_behind(tx: &mut Tx, event: &CloudEvent) -> Result<(), StoreError> {
    let next_attempt_at = tx.clock().now();
    park(tx, event, &Failure { attempts: 0, error: String::new(), next_attempt_at }).await
}

pub(super) async fn park(tx: &mut Tx, event: &CloudEvent, failure: &Failure) -> Result<(), StoreError> {
    let now = tx.clock().now();
    tx.execute(
        "INSERT INTO _parked (source, position, id, tenant_id, type, key, time, traceparent, data,
             state, attempts, next_attempt_at, error, parked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        params![
            event.source.as_str(),
            number(event.position),
            event.id,
            event.tenant,
            event.kind.as_str(),
            event.key.as_str(),
            event.time,
            event.traceparent.as_deref(),
            event.data.get(),
            failure.state(),
            failure.attempts,
            failure.next_attempt_at,
            failure.error.as_str(),
            now,
        ],
    )
    .await?;
    Ok(())
}

/// A waiting event and how often it failed.
pub(super) struct Waiting {
    pub(super) event: CloudEvent,
    pub(super) attempts: u32,
}

/// Waiting events whose time has come and before which no other of their key waits. A time further ahead than any pause was
/// put down by a clock that has been set back since, and has come too.
pub(super) async fn due(store: &Store, source: &str, now: Timestamp) -> Result<Vec<Waiting>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, attempts FROM _parked AS one
         WHERE source = $1 AND state = 'waiting' AND (next_attempt_at <= $2 OR next_attempt_at > $3) AND NOT EXISTS (
             SELECT 1 FROM _parked AS earlier
             WHERE earlier.source = one.source AND earlier.state = 'waiting' AND earlier.tenant_id = one.tenant_id
                 AND earlier.key = one.key AND earlier.position < one.position)
         ORDER BY position LIMIT 100"
    );
    let rows: Vec<Row> = store.read(Scope::System).query(&sql, params![source, now, now.plus(LONGEST_PAUSE)]).await?;
    rows.iter()
        .map(|row| Ok(Waiting { event: CloudEvent::from_row(source, row)?, attempts: row.get("attempts")? }))
        .collect()
}

/// Takes a waiting event out; `false` when somebody else was faster.
pub(super) async fn take(tx: &mut Tx, event: &CloudEvent, attempts: u32) -> Result<bool, StoreError> {
    let taken = tx
        .execute(
            "DELETE FROM _parked WHERE source = $1 AND position = $2 AND state = 'waiting' AND attempts = $3",
            params![event.source.as_str(), number(event.position), attempts],
        )
        .await?;
    Ok(taken == 1)
}

pub(super) async fn failed_again(
    tx: &mut Tx,
    event: &CloudEvent,
    attempts: u32,
    failure: &Failure,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE _parked SET state = $4, attempts = $5, next_attempt_at = $6, error = $7
         WHERE source = $1 AND position = $2 AND state = 'waiting' AND attempts = $3",
        params![
            event.source.as_str(),
            number(event.position),
            attempts,
            failure.state(),
            failure.attempts,
            failure.next_attempt_at,
            failure.error.as_str(),
        ],
    )
    .await?;
    Ok(())
}

/// Where a list of dead letters stands: behind this one.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) since: Timestamp,
    pub(super) source: String,
    pub(super) position: u64,
}

/// A tenant's dead letters, oldest first.
pub(super) async fn dead_letters(
    store: &Store,
    service: &str,
    tenant: TenantId,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let sql = "SELECT source, position, tenant_id, type, key, attempts, error, parked_at FROM _parked
               WHERE tenant_id = :tenant AND state = 'dead' AND (parked_at, source, position) > ($1, $2, $3)
               ORDER BY parked_at, source, position LIMIT $4";
    let (since, source, position) = match after {
        Some(place) => (place.since.as_micros(), place.source.as_str(), number(place.position)),
        None => (i64::MIN, "", 0),
    };
    let rows: Vec<Row> = store.read(tenant).query(sql, params![since, source, position, limit]).await?;
    rows.iter().map(|row| dead_letter(service, row)).collect()
}

fn dead_letter(service: &str, row: &Row) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        service: service.to_owned(),
        source: row.get("source")?,
        position: row.get("position")?,
        tenant: row.get("tenant_id")?,
        kind: row.get("type")?,
        key: row.get("key")?,
        attempts: row.get("attempts")?,
        error: row.get("error")?,
        since: row.get("parked_at")?,
    })
}

/// Lets a tenant's dead letter be tried again, with all its attempts before it; `false` when there is no such one.
pub(super) async fn replay(store: &Store, tenant: TenantId, source: &str, position: u64) -> Result<bool, StoreError> {
    let mut tx = store.begin(tenant).await?;
    let now = tx.clock().now();
    let found = tx
        .execute(
            "UPDATE _parked SET state = 'waiting', attempts = 0, next_attempt_at = $3
             WHERE tenant_id = :tenant AND source = $1 AND position = $2 AND state = 'dead'",
            params![source, number(position), now],
        )
        .await?;
    tx.commit().await?;
    Ok(found == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_chance_and_end_at_the_longest() {
        for (before, full) in [(0, 1), (1, 2), (5, 32), (9, 300), (u32::MAX, 300)] {
            let full = Duration::from_secs(full);
            assert_eq!(pause(before), full, "after {before} failures");
            let jittered = Clock::system().jittered(pause(before));
            assert!((full / 2..full).contains(&jittered), "after {before} failures");
        }
    }

    #[test]
    fn the_tenth_failure_is_the_last() {
        let clock = Clock::system();
        assert!(!Failure::again(&clock, 8, "no").is_last());
        assert!(Failure::again(&clock, 9, "no").is_last());
    }
}
