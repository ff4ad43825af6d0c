//! Refresh tokens: 256 bits that mean nothing, kept only as their hash.

use std::fmt;

use nexus_kernel::Ids;
use nexus_kernel::blobs::hex;
use nexus_kernel::config::Secret;
use sha2::{Digest, Sha256};

use crate::error::Error;

/// The length of 32 bytes in base64url without padding.
const CHARACTERS: usize = 43;

/// A refresh token in the clear: as it is given out, or as it comes back.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken(String);

/// What the store knows of a refresh token. A plain hash is enough, as the token is random and can't be guessed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenHash(pub(crate) String);

impl RefreshToken {
    /// A new one.
    pub(crate) fn generate(ids: &Ids) -> Self {
        Self(ids.random_token())
    }

    /// Reads what a client presents. What can't be one of ours never reaches the store.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let ours =
            text.len() == CHARACTERS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if ours { Ok(Self(text.to_owned())) } else { Err(Error::InvalidRefreshToken) }
    }

    /// What the store knows of it.
    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash(hex(&Sha256::digest(self.0.as_bytes())))
    }

    /// The token on its way to the client.
    pub(crate) fn reveal(&self) -> Secret {
        Secret::from(self.0.as_str())
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::Clock;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_presented_is_read_or_refused(text in ".{0,100}") {
            if let Ok(token) = RefreshToken::parse(&text) {
                prop_assert_eq!(token.hash().0.len(), 64);
            }
        }
    }

    #[test]
    fn a_token_is_never_shown_by_accident() {
        let token = RefreshToken::generate(&Ids::new(Clock::system()));
        assert_eq!(format!("{token:?} {:?}", token.reveal()), "RefreshToken(***) ***");
        assert_eq!(RefreshToken::parse(token.reveal().expose()).unwrap(), token);
    }
}
