//! Every query of this service.

pub(crate) mod audit;
pub(crate) mod contexts;
pub(crate) mod seals;
pub(crate) mod secrets;
pub(crate) mod transit;

use nexus_kernel::store::StoreError;

/// A column's value is not what this service writes.
fn unreadable(column: &str) -> StoreError {
    StoreError::Column { column: column.to_owned(), reason: "it is not what this service writes" }
}
