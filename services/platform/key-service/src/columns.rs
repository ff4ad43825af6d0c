//! Columns of other services: each service has a key of its own for each context, so that one context can be made unreadable for
//! ever by forgetting its key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moka::sync::Cache;
use nexus_contracts::key_service::ContextShredded;
use nexus_kernel::blobs::hex;
use nexus_kernel::events::Delivery;
use nexus_kernel::seal::Sealed;
use nexus_kernel::{Context, TenantId};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::aead::{Cipher, KEY_LENGTH, Key, random_key};
use crate::error::Error;
use crate::seal::{self as keys, Purpose, joined};
use crate::store::contexts as store;

/// What begins everything that is encrypted here.
const PREFIX: &str = "nk1:";
/// The longest plaintext, in bytes.
const MAX_PLAINTEXT: usize = 64 << 10;
const MAX_CONTEXT: usize = 256;
/// The most keys in memory, and how long each is there.
const MOST: u64 = 10_000;
const KEPT: Duration = Duration::from_secs(30);
/// Whose these keys are: the cloud's, and no organisation's.
pub(crate) const CLOUD: TenantId = TenantId(uuid::Uuid::nil());

/// Which key: whose, and for which context.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ContextKey {
    pub(crate) service: String,
    /// The SHA-256 of the context, in hexadecimal digits.
    pub(crate) context_hash: String,
}

impl fmt::Debug for ContextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.context_hash)
    }
}

impl ContextKey {
    /// The key of a service for a context.
    pub(crate) fn new(service: &str, context: &str) -> Result<Self, Error> {
        if !(1..=MAX_CONTEXT).contains(&context.len()) {
            return Err(Error::invalid(format!("context: 1 to {MAX_CONTEXT} bytes")));
        }
        let context_hash = hex(&Sha256::digest(context.as_bytes()));
        Ok(Self { service: service.to_owned(), context_hash })
    }

    fn parts(&self) -> [&str; 2] {
        [&self.service, &self.context_hash]
    }

    fn purpose(&self) -> Purpose<'_> {
        Purpose { label: "context key", owner: &self.service }
    }
}

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoredKey {
    /// Encrypted.
    Material(Vec<u8>),
    /// Gone for ever.
    Shredded,
}

/// Keys that were unlocked a moment ago. What is dropped is wiped from memory.
pub(crate) struct ContextKeys(Cache<ContextKey, Arc<Key>>);

impl fmt::Debug for ContextKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextKeys").field("number", &self.0.entry_count()).finish()
    }
}

impl Default for ContextKeys {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(KEPT).build())
    }
}

impl ContextKeys {
    /// Forgets all keys.
    pub(crate) fn forget_all(&self) {
        self.0.invalidate_all();
        self.0.run_pending_tasks();
    }
}

/// Seals; the key is made at its first use.
pub(crate) async fn seal(context: &Context, id: &ContextKey, plaintext: &[u8]) -> Result<Sealed, Error> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(Error::invalid(format!("plaintext: at most {MAX_PLAINTEXT} bytes")));
    }
    let key = match unlock(context, id).await? {
        Some(key) => key,
        None => make(context, id).await?,
    };
    let sealed = Cipher::Aes256Gcm.seal(&key, &joined(&id.parts()), plaintext);
    Ok(Sealed(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed))))
}

/// Opens.
pub(crate) async fn open(context: &Context, id: &ContextKey, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Error> {
    let encoded = sealed.0.strip_prefix(PREFIX).ok_or(Error::Unreadable)?;
    let sealed = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Error::Unreadable)?;
    let key = unlock(context, id).await?.ok_or(Error::Unreadable)?;
    Cipher::Aes256Gcm.open(&key, &joined(&id.parts()), &sealed).ok_or(Error::Unreadable)
}

/// Makes everything unreadable for ever that was encrypted in a context, by forgetting its key.
pub(crate) async fn shred(context: &Context, id: &ContextKey) -> Result<(), Error> {
    let mut tx = context.store.begin(CLOUD).await?;
    store::shred(context, &mut tx, id).await?;
    tx.publish(&ContextShredded { service: id.service.clone(), context_hash: id.context_hash.clone() }).await?;
    tx.commit().await?;
    context.state::<ContextKeys>().0.invalidate(id);
    tracing::info!(service = id.service, "a context was shredded");
    Ok(())
}

/// Another instance has shredded a context.
pub(crate) fn observe_context_shredded(context: &Context, event: &Delivery<ContextShredded>) {
    let ContextShredded { service, context_hash } = event.data.clone();
    context.state::<ContextKeys>().0.invalidate(&ContextKey { service, context_hash });
}

async fn unlock(context: &Context, id: &ContextKey) -> Result<Option<Arc<Key>>, Error> {
    keys::roots(context).await?;
    let cache = &context.state::<ContextKeys>().0;
    if let Some(key) = cache.get(id) {
        return Ok(Some(key));
    }
    match store::key(context, id).await? {
        None => Ok(None),
        Some(StoredKey::Shredded) => Err(Error::Shredded),
        Some(StoredKey::Material(stored)) => {
            let opened = keys::reveal(context, id.purpose(), &id.parts(), &stored).await?;
            let key: [u8; KEY_LENGTH] = opened.as_slice().try_into().map_err(|_| Error::Corrupt("context key"))?;
            let key = Arc::new(Zeroizing::new(key));
            cache.insert(id.clone(), Arc::clone(&key));
            Ok(Some(key))
        }
    }
}

/// Two requests that make it at once end with the same key.
async fn make(context: &Context, id: &ContextKey) -> Result<Arc<Key>, Error> {
    let material = keys::protect(context, id.purpose(), &id.parts(), &*random_key()).await?;
    store::add(context, id, &material).await?;
    unlock(context, id).await?.ok_or(Error::Corrupt("context key"))
}
