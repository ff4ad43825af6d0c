//! The moment on `SQLite`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::schema::{Sequence, Table, quoted};
use super::{Part as Either, integer, wrong};
use crate::store::sqlite::run;
use crate::store::{StoreError, Value, WAIT};

/// How long writers may be kept waiting while the locks are gathered; then all are given back and it begins again.
const PATIENCE: Duration = Duration::from_millis(250);
/// Between two looks at a lock: writers leave gaps of less than a millisecond.
const LOOK: Duration = Duration::from_micros(50);
/// Between two attempts, for writers to catch up.
const REST: Duration = Duration::from_millis(50);

/// A connection that reads one file as it was.
#[derive(Clone)]
pub(super) struct Part {
    connection: Arc<Mutex<Connection>>,
}

/// Begins to read all files at one moment; how long nobody could write.
pub(super) async fn freeze(
    files: BTreeMap<String, PathBuf>,
) -> Result<(BTreeMap<String, Either>, Duration), StoreError> {
    tokio::task::spawn_blocking(move || freeze_now(files)).await.map_err(|_| StoreError::Closed)?
}

fn freeze_now(files: BTreeMap<String, PathBuf>) -> Result<(BTreeMap<String, Either>, Duration), StoreError> {
    let mut pairs = Vec::new();
    // In the order of their names, so that two who do this do not wait for each other.
    for (service, path) in files.into_iter().filter(|(_, path)| path.is_file()) {
        pairs.push((service, open(&path)?, open(&path)?));
    }
    let until = Instant::now() + 6 * WAIT;
    let begun = loop {
        match lock(pairs.iter().map(|(_, writer, _)| writer)) {
            Ok(begun) => break begun,
            Err(StoreError::Busy(_)) if Instant::now() < until => std::thread::sleep(REST),
            Err(error) => return Err(error),
        }
    };
    let read: Result<(), StoreError> = pairs.iter().try_for_each(|(_, _, reader)| {
        run::execute(reader, "BEGIN", &[])?;
        // A transaction sees what is committed at its first statement (sqlite.org/isolation.html).
        run::rows(reader, "SELECT COUNT(*) FROM sqlite_schema", &[]).map(drop)
    });
    release(pairs.iter().map(|(_, writer, _)| writer));
    let held = if pairs.is_empty() { Duration::ZERO } else { begun.elapsed() };
    read?;
    let part = |reader| Either::Sqlite(Part { connection: Arc::new(Mutex::new(reader)) });
    Ok((pairs.into_iter().map(|(service, _, reader)| (service, part(reader))).collect(), held))
}

/// Takes every write lock, and says since when the first is held; or none.
fn lock<'a>(writers: impl Iterator<Item = &'a Connection> + Clone) -> Result<Instant, StoreError> {
    let begun = Instant::now();
    for (number, writer) in writers.clone().enumerate() {
        if let Err(error) = lock_one(writer, begun + PATIENCE) {
            release(writers.take(number));
            return Err(error);
        }
    }
    Ok(begun)
}

fn lock_one(writer: &Connection, until: Instant) -> Result<(), StoreError> {
    loop {
        match run::execute(writer, "BEGIN IMMEDIATE", &[]) {
            Err(StoreError::Busy(_)) if Instant::now() < until => std::thread::sleep(LOOK),
            other => return other.map(drop),
        }
    }
}

fn release<'a>(writers: impl Iterator<Item = &'a Connection>) {
    for writer in writers {
        if let Err(error) = run::execute(writer, "ROLLBACK", &[]) {
            // Closing the connection gives it back too.
            tracing::warn!(%error, "a write lock could not be given back at once");
        }
    }
}

/// Opens for writing, as only that can make the files that a reader needs beside the database; it writes nothing.
fn open(path: &PathBuf) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

impl Part {
    /// The rows of a statement.
    pub(super) async fn rows(&self, sql: String, params: Vec<Value>) -> Result<Vec<Vec<Value>>, StoreError> {
        let connection = Arc::clone(&self.connection);
        let read = move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(run::rows(&connection, &sql, &params)?.into_iter().map(|row| row.values).collect())
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn tables(&self) -> Result<Vec<Table>, StoreError> {
        // Without an index of words and the tables that it is kept in: it follows from what is copied.
        let sql = "SELECT name, sql LIKE '%AUTOINCREMENT%' FROM sqlite_schema
                   WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                       AND name IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table')";
        let mut tables = Vec::new();
        for row in self.rows(sql.to_owned(), Vec::new()).await? {
            let [Value::Text(name), Value::Int(numbered)] = row.as_slice() else { return Err(wrong("sqlite_schema")) };
            let mut table = self.table(name).await?;
            if *numbered == 1 {
                table.sequence = Some(self.sequence(&table).await?);
            }
            tables.push(table);
        }
        Ok(tables)
    }

    async fn table(&self, name: &str) -> Result<Table, StoreError> {
        let mut table = Table::new(name);
        let mut key = BTreeMap::new();
        let sql = format!("SELECT name, type, pk FROM pragma_table_info({}) ORDER BY cid", text(name));
        for row in self.rows(sql, Vec::new()).await? {
            let [Value::Text(column), Value::Text(declared), Value::Int(place)] = row.as_slice() else {
                return Err(wrong("table_info"));
            };
            table.add(column, declared)?;
            if *place > 0 {
                key.insert(*place, column.clone());
            }
        }
        table.key = key.into_values().collect();
        Ok(table)
    }

    async fn sequence(&self, table: &Table) -> Result<Sequence, StoreError> {
        let sql = format!("SELECT seq FROM sqlite_sequence WHERE name = {}", text(&table.name));
        let rows = self.rows(sql, Vec::new()).await?;
        let last = rows.first().and_then(|row| row.first()).and_then(integer).unwrap_or(0);
        Ok(Sequence { column: table.key.first().cloned().unwrap_or_default(), last })
    }

    /// Rows behind a key, in the order of the key.
    pub(super) async fn page(
        &self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let key = super::schema::list(table.key.iter().map(String::as_str));
        let behind = after.map_or_else(String::new, |after| {
            let marks: Vec<_> = (1..=after.len()).map(|number| format!("?{number}")).collect();
            format!("WHERE ({key}) > ({})", marks.join(", "))
        });
        let columns = table.column_list();
        let sql = format!("SELECT {columns} FROM {} {behind} ORDER BY {key} LIMIT {limit}", quoted(&table.name));
        self.rows(sql, after.map(<[Value]>::to_vec).unwrap_or_default()).await
    }
}

/// A text as SQL writes it.
fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
