//! The state of many services as it was at one moment, while they go on writing (docs/adr/0008).
//!
//! On PostgreSQL that is one transaction which reads all schemas. `SQLite` has a file a service: the write locks of all files
//! are held together for as long as it takes to begin reading each of them, and given back at once.

mod postgres;
mod schema;
mod sqlite;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

pub use schema::{Applied, Column, Kind, Sequence, Table};
pub use tables::Rows;

use super::{StoreConfig, StoreError, Value};

/// A service and where its state is.
#[derive(Debug, Clone)]
pub struct Source {
    /// The service's name.
    pub service: String,
    /// Where its state is.
    pub store: StoreConfig,
}

/// All services' state at one moment. Dropped, it no longer keeps the database from tidying up.
pub struct Snapshot {
    parts: BTreeMap<String, Part>,
    held: Duration,
}

/// What reads one service's tables.
#[derive(Clone)]
enum Part {
    Sqlite(sqlite::Part),
    Postgres(postgres::Part),
}

/// How far one service had applied another's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Who applies them.
    pub service: String,
    /// Who publishes them.
    pub source: String,
    /// The number of the last one that was applied.
    pub position: i64,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("services", &self.parts.keys()).field("held", &self.held).finish()
    }
}

impl Snapshot {
    /// Takes the snapshot. A service that has no state yet is left out.
    pub async fn take(sources: Vec<Source>) -> Result<Self, StoreError> {
        let (mut files, mut schemas) = (BTreeMap::new(), BTreeMap::new());
        let mut server = None;
        for Source { service, store } in sources {
            match store {
                StoreConfig::Sqlite { path } => {
                    files.insert(service, path);
                }
                other @ StoreConfig::Postgres { .. } => {
                    let StoreConfig::Postgres { schema, .. } = &other else { continue };
                    schemas.insert(service, schema.clone());
                    server = Some(other);
                }
            }
        }
        let (mut parts, held) = sqlite::freeze(files).await?;
        if let Some(server) = server {
            parts.extend(postgres::freeze(server, schemas).await?);
        }
        Ok(Self { parts, held })
    }

    /// The services that have state.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(String::as_str)
    }

    /// For how long nobody could write.
    pub fn held(&self) -> Duration {
        self.held
    }

    /// The steps that made a service's schema.
    pub async fn applied(&self, service: &str) -> Result<Vec<Applied>, StoreError> {
        let sql = "SELECT owner, version, name FROM {}_migrations ORDER BY owner, version";
        self.part(service)?.query(sql).await?.iter().map(Applied::from_values).collect()
    }

    /// A service's tables: its own and the kernel's, but for what a copy makes anew (the names of its migrations and of its
    /// log).
    pub async fn tables(&self, service: &str) -> Result<Vec<Table>, StoreError> {
        let mut tables = match self.part(service)? {
            Part::Sqlite(part) => part.tables().await?,
            Part::Postgres(part) => part.tables().await?,
        };
        tables.retain(|table| !schema::OWN.contains(&table.name.as_str()));
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        tables.into_iter().map(Table::checked).collect()
    }

    /// A table's rows in the order of its key, which is the same on both databases.
    pub fn rows(&self, service: &str, table: &Table) -> Result<Rows, StoreError> {
        Ok(Rows::new(self.part(service)?.clone(), table.clone()))
    }

    /// The number of the last event that a service published.
    pub async fn head(&self, service: &str) -> Result<i64, StoreError> {
        let part = self.part(service)?;
        let sql = match part {
            Part::Sqlite(_) => "SELECT COALESCE(MAX(position), 0) AS head FROM {}_outbox",
            // Those that the relay has not numbered yet are part of the log all the same.
            Part::Postgres(_) => {
                "SELECT COALESCE(MAX(position), 0) + COUNT(*) FILTER (WHERE position IS NULL) AS head FROM {}_outbox"
            }
        };
        let rows = part.query(sql).await?;
        rows.first().and_then(|row| row.first()).and_then(integer).ok_or_else(|| wrong("head"))
    }

    /// How far each service had applied the others' events. None is ahead of its publisher, or the snapshot is not of one
    /// moment.
    pub async fn cursors(&self) -> Result<Vec<Cursor>, StoreError> {
        let mut cursors = Vec::new();
        for (service, part) in &self.parts {
            for row in part.query("SELECT source, position FROM {}_cursors ORDER BY source").await? {
                let [Value::Text(source), Value::Int(position)] = row.as_slice() else { return Err(wrong("_cursors")) };
                cursors.push(Cursor { service: service.clone(), source: source.clone(), position: *position });
            }
        }
        for cursor in &cursors {
            if self.parts.contains_key(&cursor.source) && cursor.position > self.head(&cursor.source).await? {
                return Err(StoreError::Database(format!(
                    "{} has applied event {} of {}, which that service has not published: this is no state of one moment",
                    cursor.service, cursor.position, cursor.source
                )));
            }
        }
        Ok(cursors)
    }

    fn part(&self, service: &str) -> Result<&Part, StoreError> {
        self.parts.get(service).ok_or_else(|| StoreError::Config(format!("{service} has no state in this snapshot")))
    }
}

impl Part {
    /// The rows of a statement; `{}` in it stands for what goes before a table's name.
    async fn query(&self, sql: &str) -> Result<Vec<Vec<Value>>, StoreError> {
        match self {
            Self::Sqlite(part) => part.rows(sql.replace("{}", ""), Vec::new()).await,
            Self::Postgres(part) => part.rows(&sql.replace("{}", &part.prefix()), &[]).await,
        }
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(value) => Some(*value),
        _ => None,
    }
}

fn wrong(column: &str) -> StoreError {
    StoreError::Column { column: column.to_owned(), reason: "its value is of another type" }
}
