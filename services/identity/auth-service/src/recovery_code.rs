//! Recovery codes: what lets somebody in whose authenticator is lost. Ten at a time, each good once, kept only as hashes.

use nexus_kernel::blobs::hex;
use nexus_kernel::config::Secret;
use nexus_kernel::{Ids, UserId};
use sha2::{Digest, Sha256};

/// How many a person has at first.
pub(crate) const CODES: usize = 10;
/// 80 bits: enough that a plain hash can't be searched through.
const BYTES: usize = 10;
/// Their length in base32 (RFC 4648 section 6).
const CHARACTERS: usize = 16;

/// A code in the clear, without the hyphens that people read it with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecoveryCode(Secret);

/// What the store knows of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecoveryHash(pub(crate) String);

impl RecoveryCode {
    /// A new one.
    pub(crate) fn generate(ids: &Ids) -> Self {
        let bytes: [u8; BYTES] = ids.random_bytes();
        let text = totp_rs::Secret::from(bytes.to_vec()).to_base32().to_lowercase();
        Self(Secret::from(text.as_str()))
    }

    /// What somebody typed, in any case and with any hyphens and spaces; `None` for what is no such code.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>().to_lowercase();
        let of_ours = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
        (text.len() == CHARACTERS && text.bytes().all(of_ours)).then(|| Self(Secret::from(text.as_str())))
    }

    /// As people read it: four groups of four.
    pub(crate) fn shown(&self) -> Secret {
        let text = self.0.expose();
        let groups: Vec<&str> = (0..CHARACTERS / 4).map(|group| &text[group * 4..group * 4 + 4]).collect();
        Secret::from(groups.join("-").as_str())
    }

    /// What the store knows of it. The person is part of it, so that two people's codes can't be told to be the same.
    pub(crate) fn hash(&self, user: UserId) -> RecoveryHash {
        RecoveryHash(hex(&Sha256::digest(format!("{user}:{}", self.0.expose()).as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::Clock;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_known_again_however_it_is_typed_and_is_one_persons_own() {
        let ids = Ids::new(Clock::system());
        let (ada, grace) = (UserId(ids.next()), UserId(ids.next()));
        let code = RecoveryCode::generate(&ids);
        let shown = code.shown();
        assert_eq!(shown.expose().len(), 19);
        for typed in [shown.expose().to_owned(), shown.expose().to_uppercase(), shown.expose().replace('-', " ")] {
            assert_eq!(RecoveryCode::parse(&typed).unwrap().hash(ada), code.hash(ada), "{typed}");
        }
        assert_ne!(code.hash(ada), code.hash(grace));
        assert!(!format!("{code:?}").contains(code.0.expose()));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_a_code_or_not(text in ".{0,40}") {
            if let Some(code) = RecoveryCode::parse(&text) {
                prop_assert_eq!(code.0.expose().len(), CHARACTERS);
            }
        }
    }
}
