//! The publisher's log.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cloud_event::COLUMNS;
use super::{CloudEvent, Event};
use crate::ids::Ids;
use crate::params;
use crate::scope::RequestScope;
use crate::store::{FromRow, Query, Row, Scalar, Scope, Store, StoreError, Tx};

/// The log's name, beside [`COLUMNS`].
const LOG: &str = "(SELECT id FROM _log) AS log";
/// How many events one pass numbers or reads at most.
pub(super) const PASS: u32 = 500;

impl Tx {
    /// Announces that something happened to the tenant in whose scope this runs: others hear of it when this commits, and never
    /// when it does not.
    pub async fn publish<E: Event>(&mut self, event: &E) -> Result<(), StoreError> {
        let data = serde_json::to_string(event).map_err(|_| StoreError::Column {
            column: "data".to_owned(),
            reason: "the event can't be written as JSON",
        })?;
        let id = Ids::new(self.clock().clone()).next();
        let traceparent = RequestScope::current().map(|scope| scope.trace.to_string());
        let now = self.clock().now();
        self.execute(
            "INSERT INTO _outbox (id, tenant_id, type, key, time, traceparent, data) VALUES ($1, :tenant, $2, $3, $4, $5, $6)",
            params![id, E::TYPE, event.key(), now, traceparent, data],
        )
        .await?;
        self.mark_published();
        Ok(())
    }
}

/// The events that follow `after`, in order, at most `limit`.
pub(super) async fn read(store: &Store, source: &str, after: u64, limit: u32) -> Result<Vec<CloudEvent>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, {LOG} FROM _outbox WHERE position > $1 ORDER BY position LIMIT $2");
    let rows: Vec<Row> = store.read(Scope::System).query(&sql, params![number(after), limit]).await?;
    rows.iter().map(|row| logged(source, row)).collect()
}

/// An event as it stands in the log.
fn logged(source: &str, row: &Row) -> Result<CloudEvent, StoreError> {
    let mut event = CloudEvent::from_row(source, row)?;
    event.log = Some(row.get("log")?);
    Ok(event)
}

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Which log it is.
    pub(super) log: Uuid,
    /// The number of its last event; 0 before the first.
    pub(super) position: u64,
}

impl FromRow for Head {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { log: row.get("log")?, position: row.get("head")? })
    }
}

/// Where the log ends.
pub(super) async fn head(store: &Store) -> Result<Head, StoreError> {
    let sql = format!("SELECT COALESCE(MAX(position), 0) AS head, {LOG} FROM _outbox");
    store.read(Scope::System).query_one(&sql, params![]).await
}

/// What a log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Log {
    /// Which log it is.
    pub(super) id: Uuid,
    /// The number of its first event; those before it were deleted. 0 before there is one.
    pub(super) first: u64,
    /// The number of its last event; 0 before the first.
    pub(super) last: u64,
}

impl Log {
    /// The last event that is gone.
    pub(super) fn before(self) -> u64 {
        self.first.saturating_sub(1)
    }
}

impl FromRow for Log {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.get("log")?, first: row.get("first")?, last: row.get("last")? })
    }
}

/// What the log has.
pub(super) async fn log(store: &Store) -> Result<Log, StoreError> {
    // Apart, as SQLite finds the smallest and the largest in the index only where each is asked for alone.
    let sql = format!(
        "SELECT (SELECT COALESCE(MIN(position), 0) FROM _outbox) AS first,
             (SELECT COALESCE(MAX(position), 0) FROM _outbox) AS last, {LOG}"
    );
    store.read(Scope::System).query_one(&sql, params![]).await
}

/// A position as the database keeps it.
pub(super) fn number(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// What a pass over events without numbers did.
pub(super) enum Numbered {
    /// These have numbers now, in their order.
    Events(Vec<CloudEvent>),
    /// Another instance of the service is at it.
    Elsewhere,
}

/// Numbers committed events in the order in which they were inserted; PostgreSQL only.
///
/// One instance of a service at a time, so that a number is given once and none is left out. The lock ends with the
/// transaction, after its numbers are visible to whoever takes it next.
pub(super) async fn give_numbers(store: &Store, source: &str) -> Result<Numbered, StoreError> {
    let unnumbered: Option<Scalar<i64>> = store
        .read(Scope::System)
        .query_optional("SELECT inserted FROM _outbox WHERE position IS NULL ORDER BY inserted LIMIT 1", params![])
        .await?;
    if unnumbered.is_none() {
        return Ok(Numbered::Events(Vec::new()));
    }
    let mut tx = store.begin(Scope::System).await?;
    // Advisory locks are the whole database's; the schema tells services apart.
    let Scalar::<bool>(locked) = tx
        .query_one(
            "SELECT pg_try_advisory_xact_lock(hashtext('nexus-relay'), hashtext(CAST(current_schema() AS text))) AS locked",
            params![],
        )
        .await?;
    if !locked {
        return Ok(Numbered::Elsewhere);
    }
    let sql = format!(
        "WITH base AS (SELECT COALESCE(MAX(position), 0) AS head FROM _outbox),
              waiting AS (SELECT inserted FROM _outbox WHERE position IS NULL ORDER BY inserted LIMIT {PASS}),
              ranked AS (SELECT inserted AS which, ROW_NUMBER() OVER (ORDER BY inserted) AS rank FROM waiting)
         UPDATE _outbox SET position = base.head + ranked.rank FROM base, ranked WHERE _outbox.inserted = ranked.which
         RETURNING {COLUMNS}, {LOG}"
    );
    let rows: Vec<Row> = tx.query(&sql, params![]).await?;
    let mut events: Vec<_> = rows.iter().map(|row| logged(source, row)).collect::<Result<_, _>>()?;
    tx.commit().await?;
    events.sort_unstable_by_key(|event| event.position);
    Ok(Numbered::Events(events))
}
