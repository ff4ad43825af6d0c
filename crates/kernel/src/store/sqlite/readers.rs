//! Connections that read what is committed, on threads of their own.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::run;
use crate::store::{Row, STATEMENT_LIMIT, StoreError, Value, WAIT};

/// How many statements read at once.
const TOGETHER: u32 = 4;
/// How long a connection that nobody needs is kept: each has its cache of pages and of statements.
const IDLE: Duration = Duration::from_secs(10);
/// How many steps of `SQLite`'s machine pass between two looks at the clock.
const STEPS: i32 = 10_000;

pub(super) struct Readers {
    permits: Arc<Semaphore>,
    connections: Arc<Connections>,
    /// Whether statements run where they are called.
    here: bool,
}

struct Connections {
    path: PathBuf,
    /// The one that was used last is used next, so that those that are not needed stand in front.
    idle: Mutex<VecDeque<(Instant, Connection)>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, here: bool) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(TOGETHER as usize)),
            connections: Arc::new(Connections { path, idle: Mutex::default() }),
            here,
        }
    }

    /// All rows of a result. A statement whose caller is gone, or that takes too long, is stopped.
    pub(super) async fn rows(&self, text: Arc<str>, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let permit = tokio::time::timeout(WAIT, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| StoreError::Busy("no reader was free for 10 s"))?
            .map_err(|_| StoreError::Closed)?;
        let connections = Arc::clone(&self.connections);
        let gone = CancellationToken::new();
        let _gone = gone.clone().drop_guard();
        let read = move || {
            let _permit = permit;
            let mut connection = connections.take()?;
            let begun = Instant::now();
            let stop = move || gone.is_cancelled() || begun.elapsed() >= STATEMENT_LIMIT;
            connection.progress_handler(STEPS, Some(stop))?;
            let rows = run::rows(&connection, &text, &params);
            connections.put_back(connection);
            rows
        };
        if self.here {
            return read();
        }
        // The runtime ends, or a panic that was logged.
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Closed)?
    }

    /// Waits for what reads, and closes the connections.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.permits.acquire_many(TOGETHER).await {
            self.permits.close();
            drop(all);
        }
        self.connections.idle().clear();
    }
}

impl Connections {
    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self.idle().pop_back();
        idle.map_or_else(|| self.open(), |(_, connection)| Ok(connection))
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.set_prepared_statement_cache_capacity(run::KEPT_STATEMENTS);
        Ok(connection)
    }

    fn put_back(&self, connection: Connection) {
        let now = Instant::now();
        let mut idle = self.idle();
        let unneeded = idle.pop_front_if(|(since, _)| now.duration_since(*since) > IDLE);
        idle.push_back((now, connection));
        // Closing it takes its time, and others wait for the list.
        drop(idle);
        drop(unneeded);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<(Instant, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
