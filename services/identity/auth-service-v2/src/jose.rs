//! Signatures of applications: keys that they name, and the algorithms that are taken from them. Only signatures by a private
//! key: what anybody can make with a public key or without one proves nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The longest signed text that is read, in bytes.
const MAX_BYTES: usize = 8 << 10;
/// The most keys that an application has.
const MAX_KEYS: usize = 10;
/// The longest set of keys, in bytes.
const MAX_KEYS_BYTES: usize = 16 << 10;
/// The shortest RSA modulus, in base64url characters: 2048 bits (RFC 7518 section 3.3).
const MIN_MODULUS: usize = 342;
/// The longest, 4096 bits: a longer one is work for us and of no use to anybody.
const MAX_MODULUS: usize = 684;
/// The members of a key that only its owner may know (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What is taken, and its name.
const ALGORITHMS: [(Algorithm, &str); 4] = [
    (Algorithm::ES256, "ES256"),
    (Algorithm::EdDSA, "EdDSA"),
    (Algorithm::PS256, "PS256"),
    (Algorithm::RS256, "RS256"),
];

/// The names of the algorithms that are taken.
pub(crate) fn algorithm_names() -> Vec<&'static str> {
    ALGORITHMS.iter().map(|(_, name)| *name).collect()
}

/// A signed text whose signature was not looked at yet.
#[derive(Debug)]
pub(crate) struct Unverified<'a> {
    token: &'a str,
    /// What its head says.
    pub(crate) header: Header,
    /// The key in its head, as it came.
    pub(crate) key: Option<Value>,
}

impl<'a> Unverified<'a> {
    /// Reads a signed text's head; `None` when it is no such text, or its algorithm is none that is taken.
    pub(crate) fn read(token: &'a str) -> Option<Self> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        if !ALGORITHMS.iter().any(|(algorithm, _)| *algorithm == header.alg) {
            return None;
        }
        let head = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
        let head: Value = serde_json::from_slice(&head).ok()?;
        // An extension that must be understood is not (RFC 7515 section 4.1.11).
        if head.get("crit").is_some() {
            return None;
        }
        Some(Self { token, header, key: head.get("jwk").cloned() })
    }

    /// Its claims, when this key has signed it. Times and names in them are the caller's to look at.
    pub(crate) fn verify<T: DeserializeOwned>(&self, key: &Jwk) -> Option<T> {
        if !fits(key, self.header.alg) {
            return None;
        }
        let mut validation = Validation::new(self.header.alg);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_jwk(key).ok()?;
        jsonwebtoken::decode::<T>(self.token, &key, &validation).ok().map(|data| data.claims)
    }
}

/// Whether signatures of this algorithm are this key's to make.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let named = key
        .common
        .key_algorithm
        .is_none_or(|name| ALGORITHMS.iter().any(|(known, text)| *known == algorithm && name.to_string() == *text));
    let kind = match &key.algorithm {
        AlgorithmParameters::EllipticCurve(key) => algorithm == Algorithm::ES256 && key.curve == EllipticCurve::P256,
        AlgorithmParameters::OctetKeyPair(key) => algorithm == Algorithm::EdDSA && key.curve == EllipticCurve::Ed25519,
        AlgorithmParameters::RSA(key) => {
            matches!(algorithm, Algorithm::RS256 | Algorithm::PS256)
                && (MIN_MODULUS..=MAX_MODULUS).contains(&key.n.len())
        }
        _ => false,
    };
    named && kind
}

/// A public key as it came; the error says what is wrong with it.
pub(crate) fn public_key(value: &Value) -> Result<Jwk, &'static str> {
    let members = value.as_object().ok_or("is no JSON Web Key")?;
    if PRIVATE.iter().any(|name| members.contains_key(*name)) {
        return Err("has private members: an application keeps them to itself");
    }
    let key: Jwk = serde_json::from_value(value.clone()).map_err(|_| "is no JSON Web Key that is known here")?;
    if !ALGORITHMS.iter().any(|(algorithm, _)| fits(&key, *algorithm)) {
        return Err("is for none of the algorithms ES256, EdDSA, PS256 and RS256");
    }
    DecodingKey::from_jwk(&key).map_err(|_| "can't be read")?;
    Ok(key)
}

/// A set of public keys as it came (RFC 7517 section 5); the error says what is wrong with it.
pub(crate) fn public_keys(value: &Value) -> Result<JwkSet, &'static str> {
    if value.to_string().len() > MAX_KEYS_BYTES {
        return Err("is too large");
    }
    let keys = value.get("keys").and_then(Value::as_array).ok_or("must have `keys`, a list")?;
    if keys.is_empty() || keys.len() > MAX_KEYS {
        return Err("must have 1 to 10 keys");
    }
    Ok(JwkSet { keys: keys.iter().map(public_key).collect::<Result<_, _>>()? })
}

/// A key's thumbprint by SHA-256 (RFC 7638).
pub(crate) fn thumbprint(key: &Jwk) -> Option<String> {
    key.thumbprint(ThumbprintHash::SHA256).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 8037 appendix A.
    fn key() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    #[test]
    fn the_thumbprint_is_the_standards() {
        let key = public_key(&key()).unwrap();
        assert_eq!(thumbprint(&key).unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn private_and_symmetric_keys_are_refused() {
        let mut private = key();
        private["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        assert!(public_key(&private).is_err());
        assert!(public_key(&json!({"kty": "oct", "k": "c2VjcmV0"})).is_err());
        assert!(public_key(&json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})).is_err());
        assert!(public_keys(&json!({"keys": []})).is_err());
    }

    #[test]
    fn what_needs_no_private_key_is_not_even_read() {
        let token = |head: &str| format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(head));
        assert!(Unverified::read(&token(r#"{"alg":"EdDSA"}"#)).is_some());
        for head in [r#"{"alg":"none"}"#, r#"{"alg":"HS256"}"#, r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#, "{}"] {
            assert!(Unverified::read(&token(head)).is_none(), "{head}");
        }
        assert!(Unverified::read(&"a".repeat(MAX_BYTES + 1)).is_none());
    }
}
