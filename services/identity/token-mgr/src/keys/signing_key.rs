//! A key pair that signs.

use std::fmt;

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey};
use nexus_contracts::token_mgr::SigningAlgorithm;
use nexus_kernel::{Ids, Timestamp};
use p256::SecretKey;
use p256::pkcs8::EncodePrivateKey;
use zeroize::Zeroizing;

use crate::error::Error;

/// What PKCS #8 puts before an Ed25519 seed (RFC 8410 section 7).
const PKCS8_PREFIX: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// A key pair of one algorithm.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: SigningAlgorithm,
    /// Counts the keys of its algorithm: the newest has the largest.
    pub(crate) generation: i64,
    /// An Ed25519 seed (RFC 8032 section 5.1.5), or a P-256 private scalar.
    pub(crate) seed: Zeroizing<Vec<u8>>,
    pub(crate) active_from: Timestamp,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("active_from", &self.active_from)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new one.
    pub(crate) fn generate(ids: &Ids, algorithm: SigningAlgorithm, generation: i64, active_from: Timestamp) -> Self {
        let mut seed = ids.random_bytes::<32>();
        // One in 2^32 is no scalar of the curve's order (FIPS 186-5 appendix A.2.2).
        while algorithm == SigningAlgorithm::ES256 && SecretKey::from_slice(&seed).is_err() {
            seed = ids.random_bytes();
        }
        let seed = Zeroizing::new(seed.to_vec());
        Self { kid: ids.next().to_string(), algorithm, generation, seed, active_from }
    }

    /// The algorithm as the library names it.
    pub(crate) fn jwt_algorithm(&self) -> Algorithm {
        match self.algorithm {
            SigningAlgorithm::ES256 => Algorithm::ES256,
            SigningAlgorithm::EdDSA => Algorithm::EdDSA,
        }
    }

    /// The private half, for signing.
    pub(crate) fn encoding_key(&self) -> Result<EncodingKey, Error> {
        match self.algorithm {
            SigningAlgorithm::EdDSA => Ok(EncodingKey::from_ed_der(&[&PKCS8_PREFIX, self.seed.as_slice()].concat())),
            SigningAlgorithm::ES256 => {
                let key = SecretKey::from_slice(&self.seed).map_err(|_| Error::Corrupt("P-256 key"))?;
                let document = key.to_pkcs8_der().map_err(|_| Error::Corrupt("P-256 key"))?;
                Ok(EncodingKey::from_ec_der(document.as_bytes()))
            }
        }
    }

    /// The public half, for the world.
    pub(crate) fn jwk(&self) -> Result<Jwk, Error> {
        let mut jwk = Jwk::from_encoding_key(&self.encoding_key()?, self.jwt_algorithm())?;
        jwk.common.key_id = Some(self.kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(jwk)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Header, Validation};
    use nexus_kernel::Clock;
    use serde_json::Value;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn the_published_half_verifies_what_the_private_half_signs_and_the_seed_is_never_shown() {
        let ids = Ids::new(Clock::manual(START));
        for (algorithm, named) in [
            (SigningAlgorithm::EdDSA, ("OKP", "Ed25519", "EdDSA")),
            (SigningAlgorithm::ES256, ("EC", "P-256", "ES256")),
        ] {
            let key = SigningKey::generate(&ids, algorithm, 1, START);
            let json = serde_json::to_value(key.jwk().unwrap()).unwrap();
            let text = |name: &str| json[name].as_str().unwrap().to_owned();
            assert_eq!((text("kty").as_str(), text("crv").as_str(), text("alg").as_str()), named);
            assert_eq!(json["d"], Value::Null);
            assert!(!format!("{key:?}").contains("seed"));
            let header = Header::new(key.jwt_algorithm());
            let token = jsonwebtoken::encode(&header, &json, &key.encoding_key().unwrap()).unwrap();
            let verifying = DecodingKey::from_jwk(&key.jwk().unwrap()).unwrap();
            let mut validation = Validation::new(key.jwt_algorithm());
            validation.required_spec_claims.clear();
            assert!(jsonwebtoken::decode::<Value>(&token, &verifying, &validation).is_ok());
        }
    }
}
