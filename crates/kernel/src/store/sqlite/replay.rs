//! What the units of a transaction did, so that one of them can be taken back without a savepoint: `SQLite` copies every page
//! that a unit with a savepoint touches, which costs more than the unit's own work. Without one the whole transaction is undone
//! and the other units' statements are run again, which happens only when a unit is dropped after it has written.

use std::sync::Arc;

use rusqlite::Connection;

use super::run;
use crate::store::{StoreError, Value};

/// How much is remembered at most: the statements, and the bytes of their parameters.
const STEPS: usize = 4_096;
const BYTES: usize = 4 << 20;

/// A statement that changed something.
#[derive(Debug)]
struct Step {
    text: Arc<str>,
    params: Vec<Value>,
    /// How many rows it gave or changed: the same number again, or it is not the same statement any more.
    count: u64,
    returns: bool,
}

/// The statements of a transaction's units in their order.
#[derive(Debug, Default)]
pub(super) struct Replay {
    steps: Vec<Step>,
    bytes: usize,
    /// Where the unit at hand begins.
    unit: (usize, usize),
    /// Whether the unit at hand did something that is not remembered.
    partial: bool,
    /// Whether a unit that is done did.
    lost: bool,
}

impl Replay {
    /// Whether all units that are done could be run again.
    pub(super) fn is_possible(&self) -> bool {
        !self.lost
    }

    /// A transaction begins.
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        (self.bytes, self.unit, self.partial, self.lost) = (0, (0, 0), false, false);
    }

    /// A unit begins.
    pub(super) fn begin(&mut self) {
        self.unit = (self.steps.len(), self.bytes);
        self.partial = false;
    }

    /// The unit at hand is done.
    pub(super) fn done(&mut self) {
        if self.partial {
            self.lost = true;
            self.steps.clear();
        }
    }

    /// The unit at hand did something else than a statement.
    pub(super) fn forget(&mut self) {
        self.take_back();
        self.partial = true;
    }

    /// The unit at hand never was.
    pub(super) fn take_back(&mut self) {
        self.steps.truncate(self.unit.0);
        self.bytes = self.unit.1;
        self.partial = false;
    }

    /// The unit at hand did this.
    pub(super) fn add(&mut self, text: Arc<str>, params: Vec<Value>, count: u64, returns: bool) {
        if self.partial || self.lost {
            return;
        }
        self.bytes += params.iter().map(size).sum::<usize>();
        if self.steps.len() >= STEPS || self.bytes > BYTES {
            return self.forget();
        }
        self.steps.push(Step { text, params, count, returns });
    }

    /// Undoes the whole transaction, begins it again, and does what the others have done.
    pub(super) fn run(&self, connection: &Connection) -> Result<(), StoreError> {
        let before = version(connection)?;
        run::execute(connection, "ROLLBACK", &[])?;
        run::execute(connection, "BEGIN IMMEDIATE", &[])?;
        if version(connection)? != before {
            return Err(StoreError::Retry("another process wrote in between".to_owned()));
        }
        self.steps.iter().try_for_each(|step| step.run(connection))
    }
}

impl Step {
    fn run(&self, connection: &Connection) -> Result<(), StoreError> {
        let count = if self.returns {
            run::rows(connection, &self.text, &self.params)?.len() as u64
        } else {
            run::execute(connection, &self.text, &self.params)?
        };
        if count == self.count { Ok(()) } else { Err(StoreError::Retry("its effect is another now".to_owned())) }
    }
}

/// Another number when another connection has changed the file (<https://sqlite.org/pragma.html#pragma_data_version>).
fn version(connection: &Connection) -> Result<Option<Value>, StoreError> {
    let rows = run::rows(connection, "PRAGMA data_version", &[])?;
    Ok(rows.first().and_then(|row| row.values.first()).cloned())
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        _ => 0,
    }
}
