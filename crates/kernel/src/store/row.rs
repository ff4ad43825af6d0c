//! A row of a result.

use std::sync::Arc;

use super::{FromValue, StoreError, Value};

/// One row: values under their columns' names.
#[derive(Debug, Clone)]
pub struct Row {
    pub(super) columns: Arc<[String]>,
    pub(super) values: Vec<Value>,
}

impl Row {
    /// The value of a column.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, StoreError> {
        let value =
            self.columns.iter().position(|name| name == column).and_then(|index| self.values.get(index)).ok_or_else(
                || StoreError::Column { column: column.to_owned(), reason: "the query does not return it" },
            )?;
        T::from_value(value)
            .ok_or_else(|| StoreError::Column { column: column.to_owned(), reason: "its value is of another type" })
    }
}

/// A Rust type that a row can become.
pub trait FromRow: Sized {
    /// Reads the row.
    fn from_row(row: &Row) -> Result<Self, StoreError>;
}

impl FromRow for Row {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(row.clone())
    }
}

/// One value a row, from the first column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar<T>(pub T);

impl<T: FromValue> FromRow for Scalar<T> {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let column = row.columns.first().cloned().unwrap_or_default();
        row.get(&column).map(Self)
    }
}
