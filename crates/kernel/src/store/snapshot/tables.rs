//! A table's rows, page by page.

use super::Part;
use super::schema::Table;
use crate::store::{StoreError, Value};

/// How many rows are read at once.
const PAGE: usize = 256;

/// A table's rows in the order of its key.
pub struct Rows {
    part: Part,
    table: Table,
    place: Place,
}

enum Place {
    Start,
    /// Behind the row with this key (`SQLite`).
    Behind(Vec<Value>),
    /// In this cursor (PostgreSQL).
    Cursor(String),
    End,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("table", &self.table.name).finish_non_exhaustive()
    }
}

impl Rows {
    pub(super) fn new(part: Part, table: Table) -> Self {
        Self { part, table, place: Place::Start }
    }

    /// The next rows; none at the end. Values are in the order of the table's columns and of their kinds.
    pub async fn next(&mut self) -> Result<Vec<Vec<Value>>, StoreError> {
        let (found, place) = match (&self.part, std::mem::replace(&mut self.place, Place::End)) {
            (_, Place::End) => return Ok(Vec::new()),
            (Part::Sqlite(part), place) => {
                let after = if let Place::Behind(key) = &place { Some(key.as_slice()) } else { None };
                let found = part.page(&self.table, after, PAGE).await?;
                let key = found.last().map(|row| self.table.key_places().iter().map(|at| row[*at].clone()).collect());
                (found, key.map_or(Place::End, Place::Behind))
            }
            (Part::Postgres(part), place) => {
                let cursor = match place {
                    Place::Cursor(cursor) => cursor,
                    _ => part.declare(&self.table).await?,
                };
                let found = part.fetch(&cursor, PAGE).await?;
                (found, Place::Cursor(cursor))
            }
        };
        self.place = if found.len() < PAGE { self.end(place).await? } else { place };
        found.into_iter().map(|row| self.typed(row)).collect()
    }

    async fn end(&self, place: Place) -> Result<Place, StoreError> {
        if let (Part::Postgres(part), Place::Cursor(cursor)) = (&self.part, &place) {
            part.close(cursor).await?;
        }
        Ok(Place::End)
    }

    fn typed(&self, row: Vec<Value>) -> Result<Vec<Value>, StoreError> {
        let columns = self.table.columns.iter();
        let typed = columns.zip(row).map(|(column, value)| {
            column.kind.take(value).ok_or_else(|| StoreError::Column {
                column: format!("{}.{}", self.table.name, column.name),
                reason: "it has a value of another type than its own",
            })
        });
        typed.collect()
    }
}
