//! What goes wrong in a store.

use std::time::Duration;

use crate::problem::Problem;

/// Something went wrong in the store. The same mistake gives the same variant on both databases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A column's value is not what the code expects.
    #[error("column {column}: {reason}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A statement in a tenant's scope that does not name the tenant.
    #[error("a statement in a tenant's scope must name :tenant: {sql}")]
    Unscoped {
        /// The statement.
        sql: String,
    },
    /// A statement that names the tenant, outside of any tenant's scope.
    #[error("a statement names :tenant and runs in no tenant's scope: {sql}")]
    NoTenant {
        /// The statement.
        sql: String,
    },
    /// No row where there must be one.
    #[error("nothing was found by: {sql}")]
    NotFound {
        /// The statement.
        sql: String,
    },
    /// A row with this key is there already.
    #[error("something with the same key exists already ({constraint})")]
    Conflict {
        /// The constraint's name on PostgreSQL, its columns on `SQLite`.
        constraint: String,
    },
    /// A row that breaks another rule of its table: NOT NULL, CHECK or a foreign key.
    #[error("a row breaks a rule of its table ({constraint})")]
    Constraint {
        /// The rule, as the database names it.
        constraint: String,
    },
    /// The writer, a lock or a connection was not free in time, or the statement took too long. Nothing was changed.
    #[error("the store is too busy: {0}")]
    Busy(&'static str),
    /// Another transaction was in the way, and this one was undone. Running it again from its start may succeed.
    #[error("another transaction was in the way: {0}; run this one again from its start")]
    Retry(String),
    /// A statement failed or was interrupted, so that this transaction can only be dropped.
    #[error("a statement of this transaction failed or was interrupted, so that nothing more can be done in it")]
    Aborted,
    /// The unit of work was a leader's, and another instance has the lease now. Nothing was changed.
    #[error("another instance does {0} now, and what this one did was undone")]
    Fenced(&'static str),
    /// The database can't be reached. Whether a commit that ends like this happened is not known.
    #[error("the database can't be reached: {0}")]
    Unavailable(String),
    /// The store is closed, because the process ends.
    #[error("the store is closed")]
    Closed,
    /// The store can't be opened with this configuration.
    #[error("{0}")]
    Config(String),
    /// The schema was made by a later version of this program.
    #[error(
        "its schema has {name} {version}, which this version of the program does not know; start the version that made it"
    )]
    Newer {
        /// The migration that is not known.
        version: i64,
        /// Its name.
        name: String,
    },
    /// A migration that was applied is not what it was then.
    #[error("migration {version} ({name}): {reason}; applied migrations are never changed, a new one is added")]
    Migration {
        /// The migration.
        version: i64,
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database refused a statement.
    #[error("the database: {0}")]
    Database(String),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::NotFound { .. } => Self::not_found("there is no such thing"),
            StoreError::Conflict { .. } => Self::conflict("conflict", "something with the same key exists already"),
            StoreError::Busy(_)
            | StoreError::Retry(_)
            | StoreError::Fenced(_)
            | StoreError::Unavailable(_)
            | StoreError::Closed => {
                tracing::warn!(error = detail, "the store could not do what was asked");
                Self::unavailable("the store can't do this now; try again").retry_after(Duration::from_secs(1))
            }
            _ => Self::internal(detail),
        }
    }
}
