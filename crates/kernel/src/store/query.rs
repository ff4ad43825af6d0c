//! Questions to a store.

use std::future::Future;

use super::{FromRow, Row, StoreError, Value};

/// Reads rows: [`super::Reader`] those that are committed, [`super::Tx`] also what it has changed itself.
pub trait Query: Send {
    /// All rows of the result, as they are.
    fn rows(&mut self, sql: &str, params: Vec<Value>) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// All rows of the result.
    fn query<T: FromRow>(
        &mut self,
        sql: &str,
        params: Vec<Value>,
    ) -> impl Future<Output = Result<Vec<T>, StoreError>> + Send {
        async move { self.rows(sql, params).await?.iter().map(T::from_row).collect() }
    }

    /// The first row of the result, if there is one.
    fn query_optional<T: FromRow>(
        &mut self,
        sql: &str,
        params: Vec<Value>,
    ) -> impl Future<Output = Result<Option<T>, StoreError>> + Send {
        async move { self.rows(sql, params).await?.first().map(T::from_row).transpose() }
    }

    /// The first row of the result; without one it is [`StoreError::NotFound`].
    fn query_one<T: FromRow>(
        &mut self,
        sql: &str,
        params: Vec<Value>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        async move {
            let rows = self.rows(sql, params).await?;
            T::from_row(rows.first().ok_or_else(|| StoreError::NotFound { sql: sql.to_owned() })?)
        }
    }
}
