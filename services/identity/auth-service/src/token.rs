//! Tokens that mean nothing by themselves: 256 bits, handed out once and kept only as their hash.

use std::fmt;

use nexus_kernel::Ids;
use nexus_kernel::blobs::hex;
use nexus_kernel::config::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// The length of 32 bytes in base64url without padding.
const CHARACTERS: usize = 43;

/// A token in the clear: as it is handed out, or as it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(as = SignInToken, value_type = String, min_length = 43, max_length = 43, example = "q7Yx0mQ3nV8rT2kLw5Zb9cH4dJ6fG1sA_EpUoXyRiNM")]
pub(crate) struct Token(Secret);

/// What the store knows of a token. A plain hash is enough, as the token is random and can't be guessed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenHash(pub(crate) String);

impl Token {
    /// A new one.
    pub(crate) fn generate(ids: &Ids) -> Self {
        Self(Secret::from(ids.random_token().as_str()))
    }

    /// One that comes back in a cookie.
    pub(crate) fn presented(text: &str) -> Self {
        Self(Secret::from(text))
    }

    /// What the store knows of it; `None` for what can't be one of ours.
    pub(crate) fn hash(&self) -> Option<TokenHash> {
        let text = self.0.expose();
        let of_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (text.len() == CHARACTERS && text.bytes().all(of_ours))
            .then(|| TokenHash(hex(&Sha256::digest(text.as_bytes()))))
    }

    /// The token itself, for whom it is handed out to.
    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
            if let Some(TokenHash(hash)) = Token::presented(&text).hash() {
                prop_assert_eq!(hash.len(), 64);
            }
        }
    }

    #[test]
    fn a_token_is_known_again_and_never_shown_by_accident() {
        let ids = Ids::new(Clock::system());
        let token = Token::generate(&ids);
        assert_eq!(token.hash(), Token::presented(token.secret().expose()).hash());
        assert_ne!(token.hash(), Token::generate(&ids).hash());
        assert!(!format!("{token:?}").contains(token.secret().expose()));
    }
}
