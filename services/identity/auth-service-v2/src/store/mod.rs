//! Every query of this service.

pub(crate) mod applications;
pub(crate) mod authorizations;
pub(crate) mod codes;
pub(crate) mod consents;
pub(crate) mod devices;
pub(crate) mod grants;
pub(crate) mod orders;
pub(crate) mod proofs;
pub(crate) mod registration;

use nexus_kernel::store::{Row, Scope, StoreError};
use nexus_kernel::{Context, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a code or a request is remembered after its time, so that whoever comes too late or twice is recognised.
const REMEMBERED_SECONDS: u64 = 3_600;

/// A column that holds JSON.
fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|_| StoreError::Column { column: column.to_owned(), reason: "it is not the JSON that was stored" })
}

/// A value for a column that holds JSON.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what is stored has only texts for keys")
}

/// Forgets what nobody can use or recognise any more.
pub(crate) async fn forget_expired(context: &Context) -> Result<(), StoreError> {
    let now = context.clock.now();
    let before = now.minus(std::time::Duration::from_secs(REMEMBERED_SECONDS));
    let mut tx = context.store.begin(Scope::System).await?;
    for statement in [
        "DELETE FROM pushed_requests WHERE expires_at <= $1",
        "DELETE FROM authorizations WHERE expires_at <= $1",
        "DELETE FROM codes WHERE expires_at <= $1",
        "DELETE FROM device_requests WHERE expires_at <= $1",
        "DELETE FROM registration_tokens WHERE expires_at <= $1",
        "DELETE FROM grants WHERE expires_at <= $1",
    ] {
        tx.execute(statement, params![before]).await?;
    }
    tx.commit().await
}
