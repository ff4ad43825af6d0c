//! Into a store.

use std::fmt::Write;
use std::io::BufRead;

use sha2::{Digest, Sha256};

use super::{DumpError, Head, Name, Total, codec};
use crate::blobs::hex;
use crate::params;
use crate::store::snapshot::{Column, Sequence, Table};
use crate::store::{Dialect, Query, Row, Store, Tx, Value};

/// How many values one statement carries at most, and how many rows.
const VALUES: usize = 4_000;
const ROWS: usize = 200;

/// Fills a store's empty tables in one unit of work: all of it is there afterwards, or nothing.
pub struct Loader {
    tx: Tx,
    service: String,
    dialect: Dialect,
    tables: Vec<Table>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Loader {
    /// Begins. `tables` are those that the store has.
    pub async fn begin(store: &Store, service: &str, tables: Vec<Table>) -> Result<Self, DumpError> {
        let name = Name::new(service, "*");
        let mut tx = store.begin(crate::store::Scope::System).await.map_err(|error| name.store(error))?;
        if store.dialect() == Dialect::Postgres {
            // Loading may take long; nobody waits for these rows.
            tx.script("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
                .await
                .map_err(|error| name.store(error))?;
        }
        Ok(Self { tx, service: service.to_owned(), dialect: store.dialect(), tables })
    }

    /// Loads a table from its file, and checks that the file is whole. What the rows amount to.
    pub async fn load(&mut self, table: &str, file: &mut (dyn BufRead + Send)) -> Result<Total, DumpError> {
        let name = Name::new(&self.service, table);
        let head: Head = match line(&name, file)? {
            Some(line) => {
                serde_json::from_slice(&line).map_err(|error| name.wrong(format!("its first line: {error}")))?
            }
            None => return Err(name.wrong("the file is empty")),
        };
        self.check(&name, &head)?;
        let columns = head.table.columns.clone();
        let together = (VALUES / columns.len().max(1)).clamp(1, ROWS);
        let (mut digest, mut rows) = (Sha256::new(), 0_u64);
        let mut waiting: Vec<Vec<Value>> = Vec::new();
        let total: Total = loop {
            let Some(line) = line(&name, file)? else { return Err(name.wrong("the file ends before its last line")) };
            if line.first() == Some(&b'{') {
                break serde_json::from_slice(&line).map_err(|error| name.wrong(format!("its last line: {error}")))?;
            }
            rows += 1;
            digest.update(&line);
            let row = codec::read(&line, &columns).map_err(|reason| name.wrong(format!("row {rows}: {reason}")))?;
            waiting.push(row);
            if waiting.len() == together {
                self.insert(&name, &columns, std::mem::take(&mut waiting)).await?;
            }
        };
        self.insert(&name, &columns, waiting).await?;
        let found = Total { rows, sha256: hex(&digest.finalize()) };
        if found != total {
            return Err(name.wrong(format!(
                "the file has {} rows with the SHA-256 {}, and says itself that it has {} with {}",
                found.rows, found.sha256, total.rows, total.sha256
            )));
        }
        if let Some(sequence) = &head.table.sequence {
            self.advance(&name, sequence).await?;
        }
        Ok(found)
    }

    /// Makes it durable.
    pub async fn commit(self) -> Result<(), DumpError> {
        let name = Name::new(&self.service, "*");
        self.tx.commit().await.map_err(|error| name.store(error))
    }

    fn check(&self, name: &Name, head: &Head) -> Result<(), DumpError> {
        if head.service != name.service || head.table.name != name.table {
            return Err(name.wrong(format!("the file is that of {} of {}", head.table.name, head.service)));
        }
        match self.tables.iter().find(|table| table.name == name.table) {
            Some(table) if table.columns == head.table.columns && table.key == head.table.key => Ok(()),
            Some(_) => Err(name.wrong("its columns are not those that its schema's version has here")),
            None => Err(name.wrong("its schema's version has no such table here")),
        }
    }

    async fn insert(&mut self, name: &Name, columns: &[Column], rows: Vec<Vec<Value>>) -> Result<(), DumpError> {
        if rows.is_empty() {
            return Ok(());
        }
        let names = columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ");
        let mut sql = format!("INSERT INTO \"{}\" ({names}) VALUES ", name.table);
        let mut number = 0;
        for row in 0..rows.len() {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..columns.len() {
                number += 1;
                // Writing to a text can not fail.
                let _ = write!(sql, "{}${number}", if column == 0 { "" } else { ", " });
            }
            sql.push(')');
        }
        let params = rows.into_iter().flatten().collect();
        self.tx.execute(&sql, params).await.map(drop).map_err(|error| name.store(error))
    }

    /// Numbers that were given before are not given again.
    async fn advance(&mut self, name: &Name, sequence: &Sequence) -> Result<(), DumpError> {
        if sequence.last < 1 {
            return Ok(());
        }
        let advanced = match self.dialect {
            Dialect::Sqlite => {
                let cleared = "DELETE FROM sqlite_sequence WHERE name = $1";
                match self.tx.execute(cleared, params![name.table.as_str()]).await {
                    Ok(_) => {
                        let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
                        self.tx.execute(sql, params![name.table.as_str(), sequence.last]).await.map(drop)
                    }
                    Err(error) => Err(error),
                }
            }
            Dialect::Postgres => {
                let sql = "SELECT setval(pg_get_serial_sequence(quote_ident($1), $2), $3) AS last";
                let params = params![name.table.as_str(), sequence.column.as_str(), sequence.last];
                self.tx.rows(sql, params).await.map(|_: Vec<Row>| ())
            }
        };
        advanced.map_err(|error| name.store(error))
    }
}

/// The next line, its end included.
fn line(name: &Name, file: &mut (dyn BufRead + Send)) -> Result<Option<Vec<u8>>, DumpError> {
    let mut line = Vec::new();
    match file.read_until(b'\n', &mut line) {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(line)),
        Err(error) => Err(name.file(error)),
    }
}
