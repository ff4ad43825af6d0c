//! `SQLite`: one file a service, in write-ahead mode, with one writer and a few readers.

mod batch;
mod readers;
mod replay;
pub(super) mod run;
#[cfg(test)]
mod tests;
mod unit;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Notify;

use super::{Row, StoreError, Value};
use batch::{Batch, Limits};
use readers::Readers;
pub(super) use unit::Unit;
use writer::Writer;

/// FULL makes a commit wait for the disk (<https://sqlite.org/pragma.html#pragma_synchronous>). Foreign keys hold, as they do
/// on PostgreSQL.
const SETTINGS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA journal_size_limit = 67108864;
";

/// How long to wait for another process that writes to the file, before looking again.
const ANOTHER_PROCESS: Duration = Duration::from_millis(5);

pub(super) struct Database {
    writer: Arc<Writer>,
    readers: Readers,
}

impl Database {
    pub(super) async fn open(
        path: PathBuf,
        service: &str,
        relay: Arc<Notify>,
        simulated: bool,
    ) -> Result<Self, StoreError> {
        let limits = if simulated { Limits::simulated() } else { Limits::default() };
        Self::open_within(limits, path, service, relay).await
    }

    async fn open_within(limits: Limits, path: PathBuf, service: &str, relay: Arc<Notify>) -> Result<Self, StoreError> {
        let opened = if limits.here {
            open(&path)
        } else {
            let file = path.clone();
            tokio::task::spawn_blocking(move || open(&file)).await.map_err(|_| StoreError::Closed)?
        };
        let connection = opened.map_err(|error| match error {
            StoreError::Busy(_) => error,
            other => StoreError::Config(format!("{} can't be opened: {other}", path.display())),
        })?;
        let writer = Writer::start(Batch::new(connection, relay, limits), service)?;
        Ok(Self { writer, readers: Readers::new(path, limits.here) })
    }

    pub(super) async fn begin(&self) -> Result<Unit, StoreError> {
        Unit::begin(self.writer.turn().await?).await
    }

    pub(super) async fn rows(&self, text: Arc<str>, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.readers.rows(text, params).await
    }

    /// The writer last: the last connection to a file writes its log back into it.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Applies the settings. Where another process makes the same new file, SQLite does not wait for the change to write-ahead
/// mode, which needs the file alone, but says at once that it is busy (sqlite.org/wal.html section 9).
fn settle(connection: &Connection) -> Result<(), StoreError> {
    let until = Instant::now() + super::WAIT;
    loop {
        match connection.execute_batch(SETTINGS).map_err(StoreError::from) {
            Err(StoreError::Busy(_)) if Instant::now() < until => std::thread::sleep(ANOTHER_PROCESS),
            settled => return settled,
        }
    }
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(super::WAIT)?;
    settle(&connection)?;
    // From here on a thread that serves requests would do the waiting.
    connection.busy_timeout(Duration::ZERO)?;
    connection.set_prepared_statement_cache_capacity(run::KEPT_STATEMENTS);
    Ok(connection)
}
