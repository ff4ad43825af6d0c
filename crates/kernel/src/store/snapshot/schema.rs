//! Tables as both databases have them.

use serde::{Deserialize, Serialize};

use crate::store::{StoreError, Value};

/// Tables that belong to one copy of the state and are made with it: which migrations its schema has, with texts that differ
/// between databases, and the name of its log, as a copy's log goes on differently.
pub(super) const OWN: [&str; 2] = ["_migrations", "_log"];
/// The publisher's log. On PostgreSQL it has one more column, the order of insertion, which is no part of the state.
pub(super) const OUTBOX: &str = "_outbox";
/// Its key on both.
pub(super) const POSITION: &str = "position";

/// The kind of a column's values; both databases have each (docs/adr/0005).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// BOOLEAN.
    Boolean,
    /// BIGINT.
    Integer,
    /// DOUBLE PRECISION.
    Real,
    /// TEXT.
    Text,
    /// BLOB, BYTEA on PostgreSQL.
    Blob,
}

impl Kind {
    /// The kind of a declared type.
    pub(super) fn of(declared: &str) -> Option<Self> {
        Some(match declared.to_ascii_uppercase().as_str() {
            "BOOLEAN" => Self::Boolean,
            "BIGINT" | "INTEGER" | "BIGSERIAL" | "SMALLINT" => Self::Integer,
            "DOUBLE PRECISION" | "REAL" => Self::Real,
            "TEXT" | "CHARACTER VARYING" => Self::Text,
            "BLOB" | "BYTEA" => Self::Blob,
            _ => return None,
        })
    }

    /// A value of this kind as the database gave it; `None` when it is of another.
    pub(super) fn take(self, value: Value) -> Option<Value> {
        match (self, value) {
            (_, Value::Null) => Some(Value::Null),
            // SQLite keeps booleans as 0 and 1.
            (Self::Boolean, Value::Int(value @ (0 | 1))) => Some(Value::Bool(value == 1)),
            (Self::Boolean, value @ Value::Bool(_))
            | (Self::Integer, value @ Value::Int(_))
            | (Self::Real, value @ Value::Real(_))
            | (Self::Text, value @ Value::Text(_))
            | (Self::Blob, value @ Value::Blob(_)) => Some(value),
            _ => None,
        }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The kind of its values.
    pub kind: Kind,
}

/// Numbers that the database gives to new rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// The column that gets them.
    pub column: String,
    /// The last one that was given; 0 when none was. It is never given again, even when its row is gone.
    pub last: i64,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, by name.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in their order.
    pub key: Vec<String>,
    /// Where the database gives numbers to new rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
}

impl Table {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), columns: Vec::new(), key: Vec::new(), sequence: None }
    }

    pub(super) fn add(&mut self, column: &str, declared: &str) -> Result<(), StoreError> {
        let kind = Kind::of(declared).ok_or_else(|| StoreError::Column {
            column: format!("{}.{column}", self.name),
            reason: "its type is none that both databases have",
        })?;
        self.columns.push(Column { name: column.to_owned(), kind });
        Ok(())
    }

    /// As it is on both databases, with a key to put its rows in order.
    pub(super) fn checked(mut self) -> Result<Self, StoreError> {
        if self.name == OUTBOX {
            self.columns.retain(|column| column.name != "inserted");
            self.key = vec![POSITION.to_owned()];
            self.sequence = None;
        }
        self.columns.sort_by(|a, b| a.name.cmp(&b.name));
        if self.key.is_empty() {
            return Err(StoreError::Config(format!(
                "the table {} has no primary key, so that its rows have no order that both databases know",
                self.name
            )));
        }
        Ok(self)
    }

    /// Where the key's columns are among all.
    pub(super) fn key_places(&self) -> Vec<usize> {
        let place = |key: &String| self.columns.iter().position(|column| column.name == *key);
        self.key.iter().filter_map(place).collect()
    }

    /// Its columns' names as SQL lists them.
    pub fn column_list(&self) -> String {
        list(self.columns.iter().map(|column| column.name.as_str()))
    }
}

/// A step that a schema has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Whose step: `kernel` or `service`.
    pub owner: String,
    /// Its number.
    pub version: i64,
    /// Its name.
    pub name: String,
}

impl Applied {
    pub(super) fn from_values(row: &Vec<Value>) -> Result<Self, StoreError> {
        match row.as_slice() {
            [Value::Text(owner), Value::Int(version), Value::Text(name)] => {
                Ok(Self { owner: owner.clone(), version: *version, name: name.clone() })
            }
            _ => Err(super::wrong("_migrations")),
        }
    }
}

/// A name, quoted.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names, quoted and with commas.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(quoted).collect::<Vec<_>>().join(", ")
}
