//! Every query of this service, by what it is about.

mod devices;
mod factors;
mod failures;
mod links;
mod notices;
mod sign_in_events;

pub(crate) use self::devices::*;
pub(crate) use self::factors::*;
pub(crate) use self::failures::*;
pub(crate) use self::links::*;
pub(crate) use self::notices::*;
pub(crate) use self::sign_in_events::*;

use nexus_kernel::store::{Row, StoreError};
use serde::de::DeserializeOwned;

/// A column that holds JSON.
fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|_| corrupt(column))
}

fn corrupt(column: &str) -> StoreError {
    StoreError::Column { column: column.to_owned(), reason: "it is not what this service wrote" }
}

/// JSON for a column.
fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("what this service stores as JSON has text keys only")
}
