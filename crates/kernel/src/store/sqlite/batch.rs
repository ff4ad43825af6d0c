//! The writer's connection, and the units of work that it is to commit together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{Notify, oneshot};

use super::replay::Replay;
use super::run;
use crate::store::{Row, StoreError, Value, WAIT};

/// For how many units a savepoint is taken after one had to be taken back without: where that happens at all, it happens often.
const CAREFUL: u32 = 1_024;

/// What keeps one unit's wish from becoming another's wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many units are committed together at most.
    pub(super) together: usize,
    /// How long after its begin a transaction takes no more of them.
    pub(super) patience: Duration,
    /// How long a unit waits for its turn.
    pub(super) wait: Duration,
    /// Whether everything is done where it is asked for, and nothing on a thread of its own: in a simulation.
    pub(super) here: bool,
}

impl Limits {
    /// Those of a simulated process, in which no time passes while it works.
    pub(super) fn simulated() -> Self {
        Self { patience: Duration::MAX, here: true, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { together: 256, patience: Duration::from_millis(5), wait: WAIT, here: false }
    }
}

/// Whom a unit's end is told.
pub(super) type Answer = oneshot::Sender<Result<(), StoreError>>;

/// One SQL transaction with the units that are done in it. One that is taken back leaves the others alone: they are done again
/// ([`Replay`]), or it has a savepoint.
pub(super) struct Batch {
    connection: Connection,
    /// Since when the SQL transaction is open.
    begun: Option<Instant>,
    /// Whether the unit at hand has a savepoint.
    guarded: bool,
    /// Whether it has changed something.
    wrote: bool,
    /// How many of the next units get a savepoint.
    careful: u32,
    replay: Replay,
    done: Vec<Answer>,
    /// Whether one of them published events.
    published: bool,
    relay: Arc<Notify>,
    limits: Limits,
}

impl Batch {
    pub(super) fn new(connection: Connection, relay: Arc<Notify>, limits: Limits) -> Self {
        Self {
            connection,
            begun: None,
            guarded: false,
            wrote: false,
            careful: 0,
            replay: Replay::default(),
            done: Vec::new(),
            published: false,
            relay,
            limits,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Begins a unit, and the SQL transaction where none is open.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        if self.begun.is_none() {
            run::execute(&self.connection, "BEGIN IMMEDIATE", &[])?;
            self.begun = Some(Instant::now());
            self.replay.clear();
        }
        self.replay.begin();
        self.wrote = false;
        self.careful = self.careful.saturating_sub(1);
        // Undoing a unit that is alone undoes the transaction.
        self.guarded = self.has_done() && (self.careful > 0 || !self.replay.is_possible());
        if self.guarded {
            self.run(|connection| run::execute(connection, "SAVEPOINT unit", &[]))?;
        }
        Ok(())
    }

    pub(super) fn execute(&mut self, text: Arc<str>, params: Vec<Value>) -> Result<u64, StoreError> {
        let result = self.change(|connection| run::execute(connection, &text, &params));
        if let Ok(count) = result {
            self.wrote = true;
            self.replay.add(text, params, count, false);
        }
        result
    }

    pub(super) fn rows(&mut self, text: Arc<str>, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let before = self.connection.total_changes();
        let result = self.change(|connection| run::rows(connection, &text, &params));
        if let Ok(rows) = &result
            && self.connection.total_changes() != before
        {
            self.replay.add(text, params, rows.len() as u64, true);
        }
        result
    }

    pub(super) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        self.wrote = true;
        self.replay.forget();
        self.run(|connection| Ok(connection.execute_batch(sql)?))
    }

    /// Runs a statement and notes whether it changed something, which one that fails may have done as well.
    fn change<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let before = self.connection.total_changes();
        let result = self.run(work);
        self.wrote |= self.connection.total_changes() != before;
        result
    }

    fn run<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = work(&self.connection);
        if let Err(error) = &result
            && self.begun.is_some()
            && self.connection.is_autocommit()
        {
            // A full disk and the like undo the whole transaction (sqlite.org/lang_transaction.html section 3).
            self.lost(error);
        }
        result
    }

    /// The unit is done well; its end is told once it is durable.
    pub(super) fn done(&mut self, published: bool, answer: Answer) -> Result<(), StoreError> {
        if self.guarded {
            self.run(|connection| run::execute(connection, "RELEASE unit", &[]))?;
        }
        self.replay.done();
        self.published |= published;
        self.done.push(answer);
        Ok(())
    }

    /// Takes back what the unit changed.
    pub(super) fn undo(&mut self) {
        if self.begun.is_none() {
            return;
        }
        if !self.has_done() {
            return self.rest();
        }
        self.replay.take_back();
        let undone = if self.guarded {
            run::execute(&self.connection, "ROLLBACK TO unit", &[])
                .and_then(|_| run::execute(&self.connection, "RELEASE unit", &[]).map(drop))
        } else if self.wrote {
            self.careful = CAREFUL;
            self.replay.run(&self.connection)
        } else {
            Ok(())
        };
        if let Err(error) = undone {
            self.lost(&error);
        }
    }

    /// Whether units wait for their commit.
    pub(super) fn has_done(&self) -> bool {
        !self.done.is_empty()
    }

    /// Whether nobody else may join.
    pub(super) fn is_full(&self) -> bool {
        let late = self.begun.is_some_and(|begun| begun.elapsed() >= self.limits.patience);
        self.has_done() && (late || self.done.len() >= self.limits.together)
    }

    /// Commits, and tells every unit.
    pub(super) fn commit(&mut self) {
        if self.begun.is_none() {
            return;
        }
        match run::execute(&self.connection, "COMMIT", &[]) {
            Ok(_) => {
                self.begun = None;
                if std::mem::take(&mut self.published) {
                    self.relay.notify_one();
                }
                self.tell(&Ok(()));
            }
            Err(error) => self.lost(&error),
        }
    }

    /// Ends a transaction without units that are done: an open one would keep other processes, and the log from being shortened.
    pub(super) fn rest(&mut self) {
        if self.begun.take().is_some()
            && let Err(error) = run::execute(&self.connection, "ROLLBACK", &[])
        {
            tracing::error!(%error, "a transaction without units could not be ended");
        }
    }

    /// Nothing of this transaction happened.
    fn lost(&mut self, error: &StoreError) {
        if !self.connection.is_autocommit()
            && let Err(error) = run::execute(&self.connection, "ROLLBACK", &[])
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
        self.begun = None;
        self.published = false;
        // The mistake may be another unit's, and must not look like one of theirs.
        self.tell(&Err(match error {
            StoreError::Unavailable(_) => error.clone(),
            other => StoreError::Retry(other.to_string()),
        }));
    }

    fn tell(&mut self, result: &Result<(), StoreError>) {
        for answer in self.done.drain(..) {
            // Whoever waited may be gone; the unit's end is the same.
            let _ = answer.send(result.clone());
        }
    }
}
