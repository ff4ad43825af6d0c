//! What PostgreSQL says went wrong.

use std::error::Error as _;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::store::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.as_db_error() {
            Some(refused) => from_server(refused),
            None if error.is_closed() => Self::Unavailable("the connection ended".to_owned()),
            None => {
                let cause = error.source().map_or_else(String::new, |source| format!(": {source}"));
                if is_transport(&error) {
                    Self::Unavailable(format!("{error}{cause}"))
                } else {
                    Self::Database(format!("{error}{cause}"))
                }
            }
        }
    }
}

/// Whether the way to the server failed, and not what was sent over it.
fn is_transport(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(found) = cause {
        if found.is::<std::io::Error>() {
            return true;
        }
        cause = found.source();
    }
    false
}

fn from_server(refused: &DbError) -> StoreError {
    let constraint = || refused.constraint().or(refused.column()).unwrap_or(refused.message()).to_owned();
    match *refused.code() {
        SqlState::UNIQUE_VIOLATION => StoreError::Conflict { constraint: constraint() },
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            StoreError::Retry(refused.message().to_owned())
        }
        SqlState::LOCK_NOT_AVAILABLE => StoreError::Busy("a row was locked for more than 10 s"),
        SqlState::QUERY_CANCELED => StoreError::Busy("a statement took too long"),
        // PostgreSQL's documentation, appendix A: the first two signs of a code are its class.
        ref code => match &code.code()[..2] {
            "23" => StoreError::Constraint { constraint: constraint() },
            "08" | "53" | "57" => StoreError::Unavailable(refused.message().to_owned()),
            _ => StoreError::Database(refused.message().to_owned()),
        },
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => match Self::from(error) {
                // Nobody let us in: a password, a database that is not there.
                Self::Database(message) => Self::Unavailable(message),
                other => other,
            },
            PoolError::Closed => Self::Closed,
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy("no connection was free for 10 s"),
            other => Self::Unavailable(other.to_string()),
        }
    }
}
