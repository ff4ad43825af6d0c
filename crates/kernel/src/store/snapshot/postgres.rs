//! The moment on PostgreSQL.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::schema::{Kind, OUTBOX, POSITION, Sequence, Table, list, quoted};
use super::{Part as Either, integer, wrong};
use crate::params;
use crate::store::postgres::{Database, Unit};
use crate::store::{StoreConfig, StoreError, Value};

/// One transaction sees all schemas as they were at its first statement, for as long as the copy takes.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL TIME ZONE 'UTC'";

/// What reads one schema, on a connection that all share.
#[derive(Clone)]
pub(super) struct Part {
    session: Arc<Mutex<Session>>,
    schema: String,
}

struct Session {
    unit: Unit,
    cursors: u64,
    /// The connection ends with its pool.
    _database: Arc<Database>,
}

/// Begins to read all schemas at one moment.
pub(super) async fn freeze(
    server: StoreConfig,
    schemas: BTreeMap<String, String>,
) -> Result<BTreeMap<String, Either>, StoreError> {
    let StoreConfig::Postgres { url, schema, .. } = server else { return Ok(BTreeMap::new()) };
    let database = Arc::new(Database::open(&url, schema, 1, "backup")?);
    let mut unit = database.lease().await?;
    unit.script(BEGIN).await?;
    let session = Arc::new(Mutex::new(Session { unit, cursors: 0, _database: database }));
    let mut parts = BTreeMap::new();
    for (service, schema) in schemas {
        let part = Part { session: Arc::clone(&session), schema };
        if part.is_there().await? {
            parts.insert(service, Either::Postgres(part));
        }
    }
    Ok(parts)
}

impl Part {
    /// What goes before a table's name.
    pub(super) fn prefix(&self) -> String {
        format!("{}.", quoted(&self.schema))
    }

    /// The rows of a statement.
    pub(super) async fn rows(&self, sql: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, StoreError> {
        let mut session = self.session.lock().await;
        Ok(session.unit.rows(sql, params).await?.into_iter().map(|row| row.values).collect())
    }

    /// Whether the schema has been made and migrated.
    async fn is_there(&self) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = '_migrations'";
        Ok(!self.rows(sql, &params![self.schema.as_str()]).await?.is_empty())
    }

    pub(super) async fn tables(&self) -> Result<Vec<Table>, StoreError> {
        let mut tables = BTreeMap::<String, Table>::new();
        let sql = "SELECT CAST(c.relname AS text), CAST(a.attname AS text), format_type(a.atttypid, NULL)
                   FROM pg_catalog.pg_attribute AS a
                   JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
                   JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                   WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
                   ORDER BY c.relname, a.attnum";
        for row in self.rows(sql, &params![self.schema.as_str()]).await? {
            let [Value::Text(table), Value::Text(column), Value::Text(declared)] = row.as_slice() else {
                return Err(wrong("pg_attribute"));
            };
            tables.entry(table.clone()).or_insert_with(|| Table::new(table)).add(column, declared)?;
        }
        self.keys(&mut tables).await?;
        self.sequences(&mut tables).await?;
        Ok(tables.into_values().collect())
    }

    async fn keys(&self, tables: &mut BTreeMap<String, Table>) -> Result<(), StoreError> {
        let sql = "SELECT CAST(c.relname AS text), CAST(a.attname AS text)
                   FROM pg_catalog.pg_index AS i
                   JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
                   JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                   CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place)
                   JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
                   WHERE n.nspname = $1 AND i.indisprimary
                   ORDER BY c.relname, k.place";
        for row in self.rows(sql, &params![self.schema.as_str()]).await? {
            let [Value::Text(table), Value::Text(column)] = row.as_slice() else { return Err(wrong("pg_index")) };
            if let Some(table) = tables.get_mut(table) {
                table.key.push(column.clone());
            }
        }
        Ok(())
    }

    async fn sequences(&self, tables: &mut BTreeMap<String, Table>) -> Result<(), StoreError> {
        let sql = "SELECT CAST(c.relname AS text), CAST(a.attname AS text), CAST(s.relname AS text)
                   FROM pg_catalog.pg_depend AS d
                   JOIN pg_catalog.pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
                   JOIN pg_catalog.pg_class AS c ON c.oid = d.refobjid
                   JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
                   JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                   WHERE n.nspname = $1 AND d.deptype IN ('a', 'i')";
        for row in self.rows(sql, &params![self.schema.as_str()]).await? {
            let [Value::Text(table), Value::Text(column), Value::Text(sequence)] = row.as_slice() else {
                return Err(wrong("pg_depend"));
            };
            let last = format!(
                "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {}{}",
                self.prefix(),
                quoted(sequence)
            );
            let last = self.rows(&last, &[]).await?;
            let last = last.first().and_then(|row| row.first()).and_then(integer).unwrap_or(0);
            if let Some(table) = tables.get_mut(table) {
                table.sequence = Some(Sequence { column: column.clone(), last });
            }
        }
        Ok(())
    }

    /// Opens a cursor over a table in the order of its key, and says its name.
    pub(super) async fn declare(&self, table: &Table) -> Result<String, StoreError> {
        let mut session = self.session.lock().await;
        session.cursors += 1;
        let cursor = format!("c{}", session.cursors);
        let columns = if table.name == OUTBOX { self.numbered(table) } else { table.column_list() };
        let sql = format!(
            "DECLARE {cursor} NO SCROLL CURSOR FOR SELECT {columns} FROM {}{} ORDER BY {}",
            self.prefix(),
            quoted(&table.name),
            order(table)
        );
        session.unit.script(&sql).await?;
        Ok(cursor)
    }

    /// The columns of the log, where events that the relay has not numbered get the numbers that it would give them.
    fn numbered(&self, table: &Table) -> String {
        let position = format!(
            "COALESCE({POSITION}, (SELECT COALESCE(MAX({POSITION}), 0) FROM {}{OUTBOX})
                + ROW_NUMBER() OVER (PARTITION BY {POSITION} IS NULL ORDER BY inserted)) AS {POSITION}",
            self.prefix()
        );
        let column = |name: &str| if name == POSITION { position.clone() } else { list(std::iter::once(name)) };
        table.columns.iter().map(|each| column(&each.name)).collect::<Vec<_>>().join(", ")
    }

    /// The next rows of a cursor; fewer than `limit` at its end.
    pub(super) async fn fetch(&self, cursor: &str, limit: usize) -> Result<Vec<Vec<Value>>, StoreError> {
        self.rows(&format!("FETCH FORWARD {limit} FROM {cursor}"), &[]).await
    }

    pub(super) async fn close(&self, cursor: &str) -> Result<(), StoreError> {
        self.session.lock().await.unit.script(&format!("CLOSE {cursor}")).await
    }
}

/// Texts in the order of their bytes, whatever language the database sorts by, as `SQLite` does.
fn order(table: &Table) -> String {
    let kind = |key: &str| table.columns.iter().find(|column| column.name == key).map(|column| column.kind);
    let one = |key: &String| match kind(key) {
        Some(Kind::Text) => format!("{} COLLATE \"C\"", quoted(key)),
        _ => quoted(key),
    };
    table.key.iter().map(one).collect::<Vec<_>>().join(", ")
}
