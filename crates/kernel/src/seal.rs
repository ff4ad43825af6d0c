//! What a service's tables must not show: encrypted and decrypted by the service that keeps the keys. Each service has keys of its
//! own there, one for each context, as a person's or an organisation's id: what is sealed opens only for the same service in the
//! same context, and a context can be made unreadable for ever.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use moka::future::Cache;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::config::Secret;
use crate::mesh::{Mesh, MeshError};
use crate::store::{FromValue, Value};

/// The service that keeps the keys.
const KEEPER: &str = "key-service";
/// The most texts that are kept open, and for how long.
const MOST: u64 = 1_000;
const KEPT: Duration = Duration::from_secs(30);

/// Something sealed, as a service stores it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub String);

impl From<Sealed> for Value {
    fn from(sealed: Sealed) -> Self {
        sealed.0.into()
    }
}

impl FromValue for Sealed {
    fn from_value(value: &Value) -> Option<Self> {
        FromValue::from_value(value).map(Self)
    }
}

/// Asks to seal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealColumn {
    /// Whose it is, as an id: at most 256 bytes.
    pub context: String,
    /// What to seal, in base64: at most 64 KiB.
    pub plaintext: Secret,
}

/// Asks to open.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenColumn {
    /// The context that it was sealed in.
    pub context: String,
    /// What came of sealing.
    pub sealed: Sealed,
}

/// Asks to make a context unreadable.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShredContext {
    /// The context.
    pub context: String,
}

/// The reply to [`SealColumn`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SealedColumn {
    /// What to store.
    pub sealed: Sealed,
}

/// The reply to [`OpenColumn`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenedColumn {
    /// What was sealed, in base64.
    pub plaintext: Secret,
}

/// A plaintext; wiped from memory with its last copy.
type Opened = Arc<Zeroizing<Vec<u8>>>;

/// Seals and opens for one service.
#[derive(Clone)]
pub struct Sealer {
    mesh: Mesh,
    opened: Cache<(String, Sealed), Opened>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer that asks over this mesh.
    pub(crate) fn new(mesh: Mesh) -> Self {
        Self { mesh, opened: Cache::builder().max_capacity(MOST).time_to_live(KEPT).build() }
    }

    /// Seals. Refused with 410 where the context was shredded, and with 503 while the keys themselves are sealed.
    pub async fn seal(&self, context: &str, plaintext: &[u8]) -> Result<Sealed, MeshError> {
        let plaintext = Secret::from(Zeroizing::new(STANDARD.encode(plaintext)).as_str());
        let request = SealColumn { context: context.to_owned(), plaintext };
        let call = self.mesh.to(KEEPER).post("/internal/columns/seal").json(&request).idempotent();
        Ok(call.send().await?.json::<SealedColumn>().await?.sealed)
    }

    /// Opens what this service sealed in the same context. Refused with 422 where it is not that or was changed, with 410 where the
    /// context was shredded, and with 503 while the keys themselves are sealed.
    pub async fn open(&self, context: &str, sealed: &Sealed) -> Result<Opened, MeshError> {
        let known = (context.to_owned(), sealed.clone());
        if let Some(opened) = self.opened.get(&known).await {
            return Ok(opened);
        }
        let request = OpenColumn { context: context.to_owned(), sealed: sealed.clone() };
        let call = self.mesh.to(KEEPER).post("/internal/columns/open").json(&request).idempotent();
        let reply: OpenedColumn = call.send().await?.json().await?;
        let unreadable =
            |error: base64::DecodeError| MeshError::Unreadable { service: KEEPER.to_owned(), cause: error.to_string() };
        let opened = Arc::new(Zeroizing::new(STANDARD.decode(reply.plaintext.expose()).map_err(unreadable)?));
        self.opened.insert(known, Arc::clone(&opened)).await;
        Ok(opened)
    }

    /// Makes everything unreadable for ever that was sealed in this context, and nothing is sealed in it again. Other processes of the
    /// service may still know for half a minute what they have just opened.
    pub async fn shred(&self, context: &str) -> Result<(), MeshError> {
        let request = ShredContext { context: context.to_owned() };
        let shredded = self.mesh.to(KEEPER).post("/internal/columns/shred").json(&request).idempotent().send().await;
        self.opened.invalidate_all();
        shredded.map(drop)
    }
}
