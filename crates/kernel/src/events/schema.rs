//! The kernel's tables for events, in every service's store.

use crate::store::Migration;

/// `_outbox`: what the service published; `_log` names that log, so that the numbers of one are never taken for another's. `_cursors`: how far it has applied the log of each service that it listens to.
/// `_parked`: events that failed, and those that wait behind them.
///
/// On SQLite the outbox's key is its number: SQLite gives the largest plus one, and a rollback gives it back. On PostgreSQL
/// transactions commit in another order than they insert, so the relay fills `position` after the commit.
pub(crate) const SCHEMA: Migration =
    Migration::new(2, "events", include_str!("schema.sqlite.sql")).postgres(include_str!("schema.postgres.sql"));
