//! What comes of encrypting and authenticating, as text: `vault:v<version>:<base64>`.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;

/// A version of a key, and what it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) version: u32,
    pub(crate) bytes: Vec<u8>,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vault:v{}:{}", self.version, STANDARD.encode(&self.bytes))
    }
}

impl FromStr for Token {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let rest = text.strip_prefix("vault:v").ok_or_else(|| Error::invalid("invalid ciphertext: no prefix"))?;
        let (version, bytes) =
            rest.split_once(':').ok_or_else(|| Error::invalid("invalid ciphertext: wrong number of fields"))?;
        let digits = version.bytes().all(|byte| byte.is_ascii_digit());
        let version = version.parse().ok().filter(|version| digits && *version > 0);
        let version =
            version.ok_or_else(|| Error::invalid("invalid ciphertext: version number could not be decoded"))?;
        let bytes =
            STANDARD.decode(bytes).map_err(|_| Error::invalid("invalid ciphertext: could not decode base64"))?;
        Ok(Self { version, bytes })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_is_read_as_it_was_written(version in 1_u32.., bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let token = Token { version, bytes };
            prop_assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(vault:)?v?[0-9+-]{0,12}:?[A-Za-z0-9+/=]{0,20}") {
            let _ = text.parse::<Token>();
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in
            ["", "vault", "vault:v1", "vault:v0:AA==", "vault:v-1:AA==", "vault:v+1:AA==", "vault:v1:A", "vault:1:AA=="]
        {
            assert!(text.parse::<Token>().is_err(), "{text}");
        }
    }
}
