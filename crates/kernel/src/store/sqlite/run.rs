//! Statements on a connection, and values on their way in and out.

use std::sync::Arc;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, ErrorCode, ffi, params_from_iter};

use crate::store::{Row, StoreError, Value};

/// How many prepared statements a connection keeps.
pub(super) const KEPT_STATEMENTS: usize = 256;

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Bool(value) => ToSqlOutput::Borrowed(ValueRef::Integer(i64::from(*value))),
            Self::Int(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
            Self::Real(value) => ToSqlOutput::Borrowed(ValueRef::Real(*value)),
            Self::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Self::Blob(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
        })
    }
}

/// Changes rows; how many.
pub(in crate::store) fn execute(connection: &Connection, text: &str, params: &[Value]) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(text)?;
    if statement.column_count() == 0 {
        return Ok(statement.execute(params_from_iter(params))? as u64);
    }
    // It has RETURNING, and counts only once all of its rows were taken.
    let mut rows = statement.query(params_from_iter(params))?;
    let mut changed = 0;
    while rows.next()?.is_some() {
        changed += 1;
    }
    Ok(changed)
}

/// All rows of a result.
pub(in crate::store) fn rows(connection: &Connection, text: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(text)?;
    let columns: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
    let mut found = statement.query(params_from_iter(params))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let values =
            (0..columns.len()).map(|index| value(row.get_ref(index)?, &columns[index])).collect::<Result<_, _>>()?;
        rows.push(Row { columns: Arc::clone(&columns), values });
    }
    Ok(rows)
}

fn value(value: ValueRef<'_>, column: &str) -> Result<Value, StoreError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(bytes) => {
            let text = std::str::from_utf8(bytes)
                .map_err(|_| StoreError::Column { column: column.to_owned(), reason: "its text is not UTF-8" })?;
            Value::Text(text.to_owned())
        }
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let Error::SqliteFailure(failure, message) = &error else { return Self::Database(error.to_string()) };
        let message = message.clone().unwrap_or_else(|| failure.to_string());
        match failure.code {
            ErrorCode::ConstraintViolation => {
                let constraint = message.split_once(": ").map_or(message.as_str(), |(_, what)| what).to_owned();
                match failure.extended_code {
                    ffi::SQLITE_CONSTRAINT_UNIQUE
                    | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                    | ffi::SQLITE_CONSTRAINT_ROWID => Self::Conflict { constraint },
                    _ => Self::Constraint { constraint },
                }
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy("another process uses its file"),
            ErrorCode::OperationInterrupted => Self::Busy("a statement took too long"),
            ErrorCode::CannotOpen | ErrorCode::DiskFull | ErrorCode::SystemIoFailure => Self::Unavailable(message),
            _ => Self::Database(message),
        }
    }
}
