//! Signing keys: made at first start, rotated with overlap, published for as long as a token may need them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey};
use nexus_contracts::token_mgr::ACCESS_TOKEN_LIFETIME;
use nexus_kernel::{Context, Ids, Problem, Timestamp};
use tokio::sync::RwLock;

use crate::error::Error;
use crate::store;

/// How long a key signs.
const SIGNS_FOR: Duration = Duration::from_hours(30 * 24);
/// How long a new key is published before it signs: longer than any cache keeps the old set.
const PUBLISHED_BEFORE: Duration = Duration::from_mins(15);
/// How long a process trusts what it has read of the keys.
const TRUSTED_FOR: Duration = Duration::from_mins(1);
/// How long a key stays published when the next one signs: its last token's life, and what a process may lag behind.
const PUBLISHED_AFTER: Duration = Duration::from_secs(ACCESS_TOKEN_LIFETIME.as_secs() + 2 * TRUSTED_FOR.as_secs());
/// How long others may keep the published set, in seconds.
pub(crate) const CACHED_SECONDS: u64 = 300;
/// What PKCS #8 puts before an Ed25519 seed (RFC 8410 section 7).
const PKCS8_PREFIX: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// An Ed25519 key pair.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    /// Counts the keys: the newest has the largest.
    pub(crate) generation: i64,
    pub(crate) seed: Vec<u8>,
    pub(crate) active_from: Timestamp,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("active_from", &self.active_from)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new one.
    pub(crate) fn generate(ids: &Ids, generation: i64, active_from: Timestamp) -> Self {
        let seed = URL_SAFE_NO_PAD.decode(ids.random_token()).expect("the kernel's secrets are base64url");
        Self { kid: ids.next().to_string(), generation, seed, active_from }
    }

    /// The private half, for signing.
    pub(crate) fn encoding_key(&self) -> EncodingKey {
        EncodingKey::from_ed_der(&[&PKCS8_PREFIX, self.seed.as_slice()].concat())
    }

    /// The public half, for the world.
    fn jwk(&self) -> Result<Jwk, Error> {
        let mut jwk = Jwk::from_encoding_key(&self.encoding_key(), Algorithm::EdDSA)?;
        jwk.common.key_id = Some(self.kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(jwk)
    }
}

/// The key that signs now. `keys` are in the order of their generations.
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

/// What this process has read of the keys.
#[derive(Debug, Default)]
pub(crate) struct KeyRing(RwLock<Option<Read>>);

#[derive(Debug, Clone)]
struct Read {
    at: Timestamp,
    keys: Arc<[SigningKey]>,
}

impl KeyRing {
    /// The key that signs now; the first is made when there is none.
    pub(crate) async fn signing(&self, context: &Context) -> Result<SigningKey, Error> {
        let keys = self.keys(context).await?;
        signing(&keys, context.clock.now()).cloned().ok_or(Error::NoSigningKey)
    }

    /// The public keys.
    pub(crate) async fn published(&self, context: &Context) -> Result<JwkSet, Error> {
        let keys = self.keys(context).await?;
        let keys = published(&keys, context.clock.now()).iter().map(SigningKey::jwk).collect::<Result<_, _>>()?;
        Ok(JwkSet { keys })
    }

    async fn keys(&self, context: &Context) -> Result<Arc<[SigningKey]>, Error> {
        let now = context.clock.now();
        if let Some(read) = self.0.read().await.as_ref()
            && now.since(read.at) < TRUSTED_FOR
        {
            return Ok(Arc::clone(&read.keys));
        }
        self.read(context).await
    }

    /// Reads the keys, and makes the one that is due.
    async fn read(&self, context: &Context) -> Result<Arc<[SigningKey]>, Error> {
        let now = context.clock.now();
        let mut keys = store::signing_keys(context).await?;
        if let Some((generation, active_from)) = due(&keys, now) {
            store::add_signing_key(context, &SigningKey::generate(&context.ids, generation, active_from)).await?;
            keys = store::signing_keys(context).await?;
        }
        let keys: Arc<[SigningKey]> = keys.into();
        *self.0.write().await = Some(Read { at: now, keys: Arc::clone(&keys) });
        Ok(keys)
    }
}

/// Makes the next key when it is due, and forgets those that no token needs any more.
pub(crate) async fn rotate(context: Context) -> Result<(), Problem> {
    let keys = context.state::<KeyRing>().read(&context).await?;
    if let Some(oldest) = published(&keys, context.clock.now()).first() {
        store::forget_signing_keys_before(&context, oldest.generation).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nexus_kernel::Clock;
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
                    keys.push(SigningKey::generate(&ids, generation, active_from));
                }
                keys = published(&keys, now).to_vec();
                let signer = signing(&keys, now);
                prop_assert!(signer.is_some());
                signed.extend(signer.map(|key| (key.kid.clone(), now.plus(ACCESS_TOKEN_LIFETIME))));
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
        let mut keys = vec![SigningKey::generate(&ids, 1, START)];
        let late = START.plus(SIGNS_FOR);
        let (generation, active_from) = due(&keys, late).unwrap();
        keys.push(SigningKey::generate(&ids, generation, active_from));
        assert_eq!(signing(&keys, late).unwrap().generation, 1);
        assert_eq!(published(&keys, late).len(), 2);
        assert_eq!(signing(&keys, active_from).unwrap().generation, 2);
        assert_eq!(published(&keys, active_from.plus(PUBLISHED_AFTER)).len(), 1);
    }

    #[test]
    fn the_published_half_verifies_what_the_private_half_signs_and_the_seed_is_never_shown() {
        let key = SigningKey::generate(&Ids::new(Clock::manual(START)), 1, START);
        let json = serde_json::to_value(key.jwk().unwrap()).unwrap();
        assert_eq!(
            (json["kty"].as_str(), json["crv"].as_str(), json["alg"].as_str()),
            (Some("OKP"), Some("Ed25519"), Some("EdDSA"))
        );
        assert_eq!(json["d"], serde_json::Value::Null);
        assert!(!format!("{key:?}").contains("seed"));
        let token =
            jsonwebtoken::encode(&jsonwebtoken::Header::new(Algorithm::EdDSA), &json, &key.encoding_key()).unwrap();
        let verifying = jsonwebtoken::DecodingKey::from_jwk(&key.jwk().unwrap()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(Algorithm::EdDSA);
        validation.required_spec_claims.clear();
        assert!(jsonwebtoken::decode::<serde_json::Value>(&token, &verifying, &validation).is_ok());
    }
}
