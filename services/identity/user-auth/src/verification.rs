//! The token in a mailed link: 256 bits that mean nothing, kept only as their hash, and good once. A verification link is good
//! for a day.

use std::fmt;
use std::time::Duration;

use nexus_kernel::Ids;
use nexus_kernel::blobs::hex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::error::Error;

/// How long a link is good.
pub(crate) const LIFETIME: Duration = Duration::from_hours(24);
/// The length of 32 bytes in base64url without padding.
const CHARACTERS: usize = 43;

/// A token in the clear: as it is mailed, or as it comes back.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 43, max_length = 43, example = "q7Yx0mQ3nV8rT2kLw5Zb9cH4dJ6fG1sA_EpUoXyRiNM")]
pub(crate) struct VerificationToken(String);

/// What the store knows of a token. A plain hash is enough, as the token is random and can't be guessed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenHash(pub(crate) String);

impl VerificationToken {
    /// A new one.
    pub(crate) fn generate(ids: &Ids) -> Self {
        Self(ids.random_token())
    }

    /// What the store knows of it. What can't be one of ours never reaches the store.
    pub(crate) fn hash(&self) -> Result<TokenHash, Error> {
        let of_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if self.0.len() == CHARACTERS && self.0.bytes().all(of_ours) {
            return Ok(TokenHash(hex(&Sha256::digest(self.0.as_bytes()))));
        }
        Err(Error::VerificationLinkInvalid)
    }

    /// The link that invites somebody.
    pub(crate) fn invitation_link(&self, public_url: &str) -> String {
        format!("{public_url}/invitation?token={}", self.0)
    }

    /// The link that a mail carries.
    pub(crate) fn link(&self, public_url: &str) -> String {
        format!("{public_url}/verify?token={}", self.0)
    }
}

impl fmt::Debug for VerificationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerificationToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::Clock;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_comes_back_is_read_or_refused(text in ".{0,100}") {
            if let Ok(TokenHash(hash)) = VerificationToken(text).hash() {
                prop_assert_eq!(hash.len(), 64);
            }
        }
    }

    #[test]
    fn a_token_is_in_its_link_and_never_shown_by_accident() {
        let token = VerificationToken::generate(&Ids::new(Clock::system()));
        assert!(token.hash().is_ok());
        assert_eq!(token.link("https://cloud.example"), format!("https://cloud.example/verify?token={}", token.0));
        assert!(!format!("{token:?}").contains(&token.0));
    }
}
