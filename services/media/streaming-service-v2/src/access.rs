//! The part of an address that says who may use it: `public`, or a token that is signed and expires.
//!
//! `public` is for everybody and always the same. `public-<version>` is one publication: the address of a film's files changes
//! with each, so that caches that many people share never have what was taken back under an address that works again.
//!
//! A token is `<audience>.<expiry>.<signature>`: whom it was given to, until when in seconds since 1970, and the HMAC-SHA-256
//! (RFC 2104) of both with the content's id, in base64url. Players pass it on by themselves, as it is part of the path.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use nexus_contracts::content_management::ContentId;
use nexus_kernel::Timestamp;
use sha2::Sha256;

use crate::error::Error;

/// The access of content that everybody may play.
const PUBLIC: &str = "public";

/// Whom a signed address was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A member: it works as long as members may play.
    Members,
    /// Who made the content, or an editor: it works until it expires.
    Makers,
}

impl Audience {
    const fn letter(self) -> &'static str {
        match self {
            Self::Members => "m",
            Self::Makers => "e",
        }
    }

    fn parse(letter: &str) -> Option<Self> {
        [Self::Members, Self::Makers].into_iter().find(|audience| audience.letter() == letter)
    }
}

/// How an address may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// By everybody.
    Public,
    /// By everybody, as long as it is published as it was at this moment.
    Published {
        /// When that was.
        at: Timestamp,
    },
    /// By whom it was given to.
    Signed {
        /// Whom that is.
        audience: Audience,
        /// When it ends, in whole seconds.
        expires_at: Timestamp,
    },
}

impl Access {
    /// Reads an access that must be good for this content now.
    pub(crate) fn verify(text: &str, content: ContentId, secret: &[u8], now: Timestamp) -> Result<Self, Error> {
        if text == PUBLIC {
            return Ok(Self::Public);
        }
        if let Some(version) = text.strip_prefix(PUBLIC).and_then(|rest| rest.strip_prefix('-')) {
            let micros = i64::from_str_radix(version, 16).map_err(|_| Error::NotFound)?;
            return Ok(Self::Published { at: Timestamp::from_micros(micros) });
        }
        let mut parts = text.splitn(3, '.');
        let (Some(letter), Some(expiry), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::InvalidSignature);
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Error::InvalidSignature)?;
        // The comparison takes as long for a signature that is nearly right as for any other.
        mac(secret, content, letter, expiry).verify_slice(&signature).map_err(|_| Error::InvalidSignature)?;
        let audience = Audience::parse(letter).ok_or(Error::InvalidSignature)?;
        let seconds: i64 = expiry.parse().map_err(|_| Error::InvalidSignature)?;
        let expires_at = Timestamp::from_micros(seconds.saturating_mul(1_000_000));
        if expires_at <= now { Err(Error::Expired) } else { Ok(Self::Signed { audience, expires_at }) }
    }

    /// The access as it stands in an address of this content.
    pub(crate) fn sign(self, content: ContentId, secret: &[u8]) -> String {
        let (audience, expires_at) = match self {
            Self::Public => return PUBLIC.to_owned(),
            Self::Published { at } => return format!("{PUBLIC}-{:x}", at.as_micros()),
            Self::Signed { audience, expires_at } => (audience, expires_at),
        };
        let (letter, expiry) = (audience.letter(), expires_at.as_seconds().to_string());
        let signature = mac(secret, content, letter, &expiry).finalize().into_bytes();
        format!("{letter}.{expiry}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn mac(secret: &[u8], content: ContentId, letter: impl fmt::Display, expiry: impl fmt::Display) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(format!("nexus-cos playback v1\n{content}\n{letter}\n{expiry}").as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const SECRET: &[u8] = b"secret";
    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn content(number: u128) -> ContentId {
        uuid::Uuid::from_u128(number).to_string().parse().unwrap()
    }

    fn access(audience: Audience) -> Access {
        Access::Signed { audience, expires_at: NOW.plus(Duration::from_mins(1)) }
    }

    #[test]
    fn what_was_signed_is_read_until_it_expires() {
        for audience in [Audience::Members, Audience::Makers] {
            let token = access(audience).sign(content(1), SECRET);
            assert_eq!(Access::verify(&token, content(1), SECRET, NOW).unwrap(), access(audience));
            let late = NOW.plus(Duration::from_mins(1));
            assert!(matches!(Access::verify(&token, content(1), SECRET, late), Err(Error::Expired)));
        }
        assert_eq!(Access::verify("public", content(1), SECRET, NOW).unwrap(), Access::Public);
        let published = Access::Published { at: NOW };
        assert_eq!(Access::verify(&published.sign(content(1), SECRET), content(1), SECRET, NOW).unwrap(), published);
        for made_up in ["public-", "public-x", "public-1.2", "public-ffffffffffffffffffff"] {
            assert!(matches!(Access::verify(made_up, content(1), SECRET, NOW), Err(Error::NotFound)), "{made_up}");
        }
    }

    #[test]
    fn a_token_is_good_for_its_own_content_and_secret_only() {
        let token = access(Audience::Members).sign(content(1), SECRET);
        assert!(matches!(Access::verify(&token, content(2), SECRET, NOW), Err(Error::InvalidSignature)));
        assert!(matches!(Access::verify(&token, content(1), b"other", NOW), Err(Error::InvalidSignature)));
    }

    #[test]
    fn a_member_can_not_become_a_maker_nor_live_longer() {
        let token = access(Audience::Members).sign(content(1), SECRET);
        for forged in [
            token.replacen('m', "e", 1),
            token.replacen("m.18", "m.28", 1),
            format!("{token}A"),
            token.replacen('.', "", 1),
        ] {
            assert!(
                matches!(Access::verify(&forged, content(1), SECRET, NOW), Err(Error::InvalidSignature)),
                "{forged}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_made_up_is_accepted(text in "\\PC{0,80}") {
            prop_assume!(!text.starts_with(PUBLIC));
            prop_assert!(Access::verify(&text, content(1), SECRET, NOW).is_err());
        }
    }
}
