//! Signing keys: made at first start, rotated with overlap, published for as long as a token may need them.

mod signing_key;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use nexus_contracts::token_mgr::{LONGEST_LIFETIME, SigningAlgorithm};
use nexus_kernel::seal::Sealed;
use nexus_kernel::{Context, Problem, Timestamp};
use tokio::sync::RwLock;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::store;

pub(crate) use signing_key::SigningKey;

/// The algorithms that there are keys of.
const ALGORITHMS: [SigningAlgorithm; 2] = [SigningAlgorithm::EdDSA, SigningAlgorithm::ES256];
/// How long a key signs.
const SIGNS_FOR: Duration = Duration::from_hours(30 * 24);
/// How long a new key is published before it signs: longer than any cache keeps the old set.
const PUBLISHED_BEFORE: Duration = Duration::from_mins(15);
/// How long a process trusts what it has read of the keys.
const TRUSTED_FOR: Duration = Duration::from_mins(1);
/// How long a key stays published when the next one signs: its last token's life, and what a process may lag behind.
const PUBLISHED_AFTER: Duration = Duration::from_secs(LONGEST_LIFETIME.as_secs() + 2 * TRUSTED_FOR.as_secs());
/// How long others may keep the published set, in seconds.
pub(crate) const CACHED_SECONDS: u64 = 300;

/// The key that signs now. `keys` are of one algorithm, in the order of their generations.
fn signing(keys: &[SigningKey], now: Timestamp) -> Option<&SigningKey> {
    keys.iter().rev().find(|key| key.active_from <= now)
}

/// The keys that a token may still need, now or soon.
fn published(keys: &[SigningKey], now: Timestamp) -> &[SigningKey] {
    let first = keys
        .iter()
        .skip(1)
        .position(|successor| now < successor.active_from.plus(PUBLISHED_AFTER))
        .unwrap_or(keys.len().saturating_sub(1));
    &keys[first..]
}

/// The generation and the first moment of the key that has to be made now, if one has to.
fn due(keys: &[SigningKey], now: Timestamp) -> Option<(i64, Timestamp)> {
    let Some(newest) = keys.last() else { return Some((1, now)) };
    let ends = newest.active_from.plus(SIGNS_FOR);
    (ends.minus(PUBLISHED_BEFORE) <= now).then(|| (newest.generation + 1, now.plus(PUBLISHED_BEFORE)))
}

/// What the seeds are sealed as, at key-service.
const SEALED_AS: &str = "signing-keys";

/// A key as it is stored.
#[derive(Debug)]
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) algorithm: SigningAlgorithm,
    pub(crate) generation: i64,
    pub(crate) seed: StoredSeed,
    pub(crate) active_from: Timestamp,
}

/// A seed as it is stored.
pub(crate) enum StoredSeed {
    /// Only together with key-service it is of use.
    Sealed(Sealed),
    /// From before seeds were sealed.
    Plain(Zeroizing<Vec<u8>>),
}

impl fmt::Debug for StoredSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredSeed(***)")
    }
}

/// The key with its seed; one that was stored in the clear is sealed now.
async fn open(context: &Context, stored: StoredKey) -> Result<SigningKey, Error> {
    let StoredKey { kid, algorithm, generation, seed, active_from } = stored;
    let seed = match seed {
        StoredSeed::Sealed(sealed) => Zeroizing::clone(&*context.sealer().open(SEALED_AS, &sealed).await?),
        StoredSeed::Plain(seed) => {
            let sealed = context.sealer().seal(SEALED_AS, &seed).await?;
            store::seal_signing_key(context, &kid, &sealed).await?;
            seed
        }
    };
    Ok(SigningKey { kid, algorithm, generation, seed, active_from })
}

/// What this process has read of the keys.
#[derive(Debug, Default)]
pub(crate) struct KeyRing(RwLock<Option<Read>>);

#[derive(Debug, Clone)]
struct Read {
    at: Timestamp,
    keys: Arc<Keys>,
}

/// All keys, those of each algorithm in the order of their generations.
#[derive(Debug, Default)]
struct Keys {
    ed25519: Vec<SigningKey>,
    p256: Vec<SigningKey>,
}

impl Keys {
    fn of(&self, algorithm: SigningAlgorithm) -> &[SigningKey] {
        match algorithm {
            SigningAlgorithm::EdDSA => &self.ed25519,
            SigningAlgorithm::ES256 => &self.p256,
        }
    }

    fn by_kid(&self, kid: &str) -> Option<&SigningKey> {
        self.ed25519.iter().chain(&self.p256).find(|key| key.kid == kid)
    }

    /// What a token may still need, of all algorithms.
    fn published(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        ALGORITHMS.into_iter().flat_map(move |algorithm| published(self.of(algorithm), now))
    }
}

impl From<Vec<SigningKey>> for Keys {
    fn from(keys: Vec<SigningKey>) -> Self {
        let (p256, ed25519) = keys.into_iter().partition(|key| key.algorithm == SigningAlgorithm::ES256);
        Self { ed25519, p256 }
    }
}

impl KeyRing {
    /// The key of this algorithm that signs now; the first is made when there is none.
    pub(crate) async fn signing(&self, context: &Context, algorithm: SigningAlgorithm) -> Result<SigningKey, Error> {
        let keys = self.keys(context).await?;
        signing(keys.of(algorithm), context.clock.now()).cloned().ok_or(Error::NoSigningKey)
    }

    /// The public keys.
    pub(crate) async fn published(&self, context: &Context) -> Result<JwkSet, Error> {
        let keys = self.keys(context).await?;
        let keys = keys.published(context.clock.now()).map(SigningKey::jwk).collect::<Result<_, _>>()?;
        Ok(JwkSet { keys })
    }

    /// What verifies the access tokens that this key has signed, while they may live.
    pub(crate) async fn verifying(&self, context: &Context, kid: &str) -> Result<Option<DecodingKey>, Error> {
        let keys = self.keys(context).await?;
        let key = published(keys.of(SigningAlgorithm::EdDSA), context.clock.now()).iter().find(|key| key.kid == kid);
        key.map(|key| Ok(DecodingKey::from_jwk(&key.jwk()?)?)).transpose()
    }

    /// All keys that are stored. Those that this process knows already are not opened again.
    async fn stored(&self, context: &Context) -> Result<Keys, Error> {
        let known = self.0.read().await.as_ref().map(|read| Arc::clone(&read.keys)).unwrap_or_default();
        let mut keys = Vec::new();
        for stored in store::signing_keys(context).await? {
            keys.push(match known.by_kid(&stored.kid) {
                Some(key) => key.clone(),
                None => open(context, stored).await?,
            });
        }
        Ok(Keys::from(keys))
    }

    async fn keys(&self, context: &Context) -> Result<Arc<Keys>, Error> {
        let now = context.clock.now();
        if let Some(read) = self.0.read().await.as_ref()
            && now.since(read.at) < TRUSTED_FOR
        {
            return Ok(Arc::clone(&read.keys));
        }
        self.read(context).await
    }

    /// Reads the keys, and makes those that are due. While another can sign, one that is due can wait for key-service.
    async fn read(&self, context: &Context) -> Result<Arc<Keys>, Error> {
        let now = context.clock.now();
        let mut keys = self.stored(context).await?;
        let mut made = false;
        for algorithm in ALGORITHMS {
            let Some((generation, active_from)) = due(keys.of(algorithm), now) else { continue };
            let key = SigningKey::generate(&context.ids, algorithm, generation, active_from);
            match context.sealer().seal(SEALED_AS, &key.seed).await {
                Ok(sealed) => {
                    store::add_signing_key(context, &key, &sealed).await?;
                    made = true;
                }
                Err(error) if signing(keys.of(algorithm), now).is_some() => {
                    tracing::warn!(%error, "the next signing key can't be sealed yet; the last one goes on");
                }
                Err(error) => return Err(error.into()),
            }
        }
        if made {
            keys = self.stored(context).await?;
        }
        let keys = Arc::new(keys);
        *self.0.write().await = Some(Read { at: now, keys: Arc::clone(&keys) });
        Ok(keys)
    }
}

/// Says why the service can't sign, if it can't.
pub(crate) async fn ready(context: Context) -> Result<(), String> {
    let key = context.state::<KeyRing>().signing(&context, SigningAlgorithm::EdDSA).await;
    key.map(drop).map_err(|error| {
        format!(
            "the signing keys can't be opened: {error}; key-service has to run in this installation, and to be unsealed"
        )
    })
}

/// Makes the next keys when they are due, and forgets those that no token needs any more.
pub(crate) async fn rotate(context: Context) -> Result<(), Problem> {
    let keys = context.state::<KeyRing>().read(&context).await?;
    for algorithm in ALGORITHMS {
        if let Some(oldest) = published(keys.of(algorithm), context.clock.now()).first() {
            store::forget_signing_keys_before(&context, algorithm, oldest.generation).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nexus_kernel::{Clock, Ids};
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    proptest! {
        /// However irregularly the job runs, some key signs, and whatever was signed in a token's lifetime can be verified.
        #[test]
        fn every_live_token_has_its_key_published(steps in prop::collection::vec(1_u64..2_000_000, 1..60)) {
            let ids = Ids::new(Clock::manual(START));
            let mut keys: Vec<SigningKey> = Vec::new();
            let mut signed: Vec<(String, Timestamp)> = Vec::new();
            let mut now = START;
            for seconds in steps {
                if let Some((generation, active_from)) = due(&keys, now) {
                    keys.push(SigningKey::generate(&ids, SigningAlgorithm::EdDSA, generation, active_from));
                }
                keys = published(&keys, now).to_vec();
                let signer = signing(&keys, now);
                prop_assert!(signer.is_some());
                signed.extend(signer.map(|key| (key.kid.clone(), now.plus(LONGEST_LIFETIME))));
                for (kid, _) in signed.iter().filter(|(_, expires_at)| now < *expires_at) {
                    prop_assert!(keys.iter().any(|key| key.kid == *kid));
                }
                now = now.plus(Duration::from_secs(seconds % 700));
                if seconds % 3 == 0 { now = now.plus(Duration::from_secs(seconds)); }
            }
        }
    }

    #[test]
    fn a_new_key_is_published_before_it_signs() {
        let ids = Ids::new(Clock::manual(START));
        let mut keys = vec![SigningKey::generate(&ids, SigningAlgorithm::EdDSA, 1, START)];
        let late = START.plus(SIGNS_FOR);
        let (generation, active_from) = due(&keys, late).unwrap();
        keys.push(SigningKey::generate(&ids, SigningAlgorithm::EdDSA, generation, active_from));
        assert_eq!(signing(&keys, late).unwrap().generation, 1);
        assert_eq!(published(&keys, late).len(), 2);
        assert_eq!(signing(&keys, active_from).unwrap().generation, 2);
        assert_eq!(published(&keys, active_from.plus(PUBLISHED_AFTER)).len(), 1);
    }
}
