//! What applications show: secrets of 256 bits, kept only as their hash.

use nexus_kernel::Ids;
use nexus_kernel::blobs::hex;
use nexus_kernel::config::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What the store knows of a secret. A plain hash is enough, as the secret is random and can't be guessed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretHash(pub(crate) String);

impl SecretHash {
    /// Of this text.
    pub(crate) fn of(secret: &str) -> Self {
        Self(hex(&Sha256::digest(secret.as_bytes())))
    }

    /// Whether this text is the secret, in the same time whatever it is.
    pub(crate) fn is_of(&self, secret: &str) -> bool {
        Self::of(secret).0.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// A new secret of an application, that is shown once.
pub(crate) fn generate(ids: &Ids) -> Secret {
    Secret::from(format!("nxa_{}", ids.random_token()).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_hash_alone() {
        let secret = generate(&Ids::new(nexus_kernel::Clock::system()));
        let hash = SecretHash::of(secret.expose());
        assert!(hash.is_of(secret.expose()) && !hash.is_of("") && !hash.is_of(&hash.0));
    }
}
