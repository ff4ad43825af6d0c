//! Shares of the master key (Shamir, "How to share a secret", 1979): any `threshold` of them make it, fewer tell nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blahaj::{Share, Sharks};
use nexus_kernel::blobs::hex;
use zeroize::Zeroizing;

use crate::aead::{KEY_LENGTH, Key};
use crate::error::Error;

/// The most shares.
pub(crate) const MAX_SHARES: u8 = 255;
/// A share's own place, and a byte for each of the key's.
const SHARE_LENGTH: usize = 1 + KEY_LENGTH;

/// What people are given once, when the keys are made.
#[derive(Debug)]
pub(crate) struct Initialised {
    /// One for each person, in hexadecimal digits and in base64.
    pub(crate) keys: Vec<(String, String)>,
}

/// Refuses numbers of shares that make no sense.
pub(super) fn check(shares: u8, threshold: u8) -> Result<(), Error> {
    if threshold == 0 || threshold > shares {
        return Err(Error::invalid("secret_threshold must be from 1 to secret_shares"));
    }
    if threshold == 1 && shares > 1 {
        return Err(Error::invalid("with more than one share, secret_threshold must be at least 2"));
    }
    Ok(())
}

/// The shares of a key. A single one is the key itself at the place 1.
pub(super) fn split(key: &Key, shares: u8, threshold: u8) -> Initialised {
    let dealt = Sharks(threshold).dealer(key.as_slice()).take(usize::from(shares));
    let keys = dealt.map(|share| {
        let bytes = Zeroizing::new(Vec::from(&share));
        (hex(&bytes), STANDARD.encode(&*bytes))
    });
    Initialised { keys: keys.collect() }
}

/// A share as somebody types it: in hexadecimal digits or in base64.
pub(super) fn parse(text: &str) -> Result<Share, Error> {
    let bytes = from_hex(text).or_else(|| STANDARD.decode(text).ok()).map(Zeroizing::new);
    bytes
        .filter(|bytes| bytes.len() == SHARE_LENGTH && bytes[0] != 0)
        .and_then(|bytes| Share::try_from(bytes.as_slice()).ok())
        .ok_or_else(|| Error::invalid("this is no unseal key"))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 2 * SHARE_LENGTH || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// The key, from enough different shares.
pub(super) fn combine(shares: &[Share], threshold: u8) -> Option<Key> {
    let key = Zeroizing::new(Sharks(threshold).recover(shares).ok()?);
    key.as_slice().try_into().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aead::random_key;

    #[test]
    fn any_three_of_five_shares_make_the_key_and_two_do_not() {
        let key = random_key();
        let dealt = split(&key, 5, 3);
        let shares: Vec<Share> = dealt
            .keys
            .iter()
            .map(|(hex, base64)| {
                assert_eq!(Vec::from(&parse(hex).unwrap()), Vec::from(&parse(base64).unwrap()));
                parse(hex).unwrap()
            })
            .collect();
        for chosen in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
            let chosen = chosen.map(|index| shares[index].clone());
            assert_eq!(combine(&chosen, 3).unwrap(), key);
        }
        assert!(combine(&shares[..2], 3).is_none());
        assert_ne!(combine(&shares[..2], 2), Some(key));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        let other = STANDARD.encode([0; SHARE_LENGTH]);
        for text in ["", "ab", "zz", &"0".repeat(66), &"é".repeat(33), &STANDARD.encode([1; 32]), &other] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(check(5, 0).is_err() && check(2, 3).is_err() && check(3, 1).is_err());
        assert!(check(1, 1).is_ok() && check(5, 3).is_ok());
    }
}
