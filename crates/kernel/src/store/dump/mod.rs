//! Tables as files that both databases can write and read.
//!
//! A file is lines of JSON: the table's description, an array of values for each row in the order of the key, and at the end
//! the number of rows with the SHA-256 of their lines. The same rows are the same bytes, whichever database they were in.

mod codec;
mod load;
#[cfg(test)]
mod tests;
mod write;

pub use load::Loader;
pub use write::{Dump, copy};

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::snapshot::Table;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// Whose table it is.
    service: String,
    #[serde(flatten)]
    table: Table,
}

/// What a table's rows amount to, and the last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// How many rows.
    pub rows: u64,
    /// The SHA-256 of their lines, in hexadecimal.
    pub sha256: String,
}

/// What goes wrong with a table on its way into or out of a file.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The store failed.
    #[error("the table {table} of {service}: {source}")]
    Store {
        /// Whose table.
        service: String,
        /// Which one.
        table: String,
        /// Why.
        source: StoreError,
    },
    /// The file can't be read or written.
    #[error("the table {table} of {service}: {source}")]
    File {
        /// Whose table.
        service: String,
        /// Which one.
        table: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it must be.
    #[error("the table {table} of {service}: {reason}")]
    Wrong {
        /// Whose table.
        service: String,
        /// Which one.
        table: String,
        /// What is wrong, and where.
        reason: String,
    },
}

/// Whose table it is, for errors.
#[derive(Debug, Clone)]
struct Name {
    service: String,
    table: String,
}

impl Name {
    fn new(service: &str, table: &str) -> Self {
        Self { service: service.to_owned(), table: table.to_owned() }
    }

    fn store(&self, source: StoreError) -> DumpError {
        DumpError::Store { service: self.service.clone(), table: self.table.clone(), source }
    }

    fn file(&self, source: std::io::Error) -> DumpError {
        DumpError::File { service: self.service.clone(), table: self.table.clone(), source }
    }

    fn wrong(&self, reason: impl Into<String>) -> DumpError {
        DumpError::Wrong { service: self.service.clone(), table: self.table.clone(), reason: reason.into() }
    }
}
