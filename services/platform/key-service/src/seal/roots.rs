//! Root keys in memory, and what they encrypt for the store.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::aead::{Cipher, KEY_LENGTH, Key, derive, random_key};
use crate::error::Error;

/// What everything stored begins with: the generation of its root key.
const GENERATION_LENGTH: usize = 4;

/// What is encrypted, and whose it is: each pair has a key of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose<'a> {
    pub(crate) label: &'static str,
    pub(crate) owner: &'a str,
}

/// A root key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrappedRoot {
    pub(crate) generation: u32,
    pub(crate) wrapped: Vec<u8>,
}

/// The root keys, and the master key that they are stored under.
pub(crate) struct Roots {
    pub(crate) master: Key,
    generations: BTreeMap<u32, Key>,
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").field("generations", &self.generations.keys()).finish_non_exhaustive()
    }
}

impl Roots {
    /// The first root key under this master key.
    pub(crate) fn first(master: Key) -> Self {
        Self { master, generations: BTreeMap::from([(1, random_key())]) }
    }

    /// The roots that are stored; `None` when the master key is not theirs.
    pub(crate) fn unwrap(master: Key, stored: &[WrappedRoot]) -> Option<Self> {
        let mut generations = BTreeMap::new();
        for root in stored {
            let opened = Cipher::Aes256Gcm.open(&master, &root_aad(root.generation), &root.wrapped)?;
            let key: [u8; KEY_LENGTH] = opened.as_slice().try_into().ok()?;
            generations.insert(root.generation, Zeroizing::new(key));
        }
        (!generations.is_empty()).then_some(Self { master, generations })
    }

    /// The newest root key, for the store.
    pub(crate) fn newest_wrapped(&self) -> WrappedRoot {
        let (generation, key) = self.newest();
        let wrapped = Cipher::Aes256Gcm.seal(&self.master, &root_aad(generation), &**key);
        WrappedRoot { generation, wrapped }
    }

    /// The same roots and a new one that is the newest.
    pub(crate) fn with_next(&self) -> Self {
        let mut generations = self.generations.clone();
        generations.insert(self.newest().0 + 1, random_key());
        Self { master: self.master.clone(), generations }
    }

    fn newest(&self) -> (u32, &Key) {
        let (generation, key) = self.generations.last_key_value().expect("there is always a first root key");
        (*generation, key)
    }

    /// Encrypts for the store.
    pub(crate) fn protect(&self, purpose: Purpose<'_>, aad: &[&str], plaintext: &[u8]) -> Vec<u8> {
        let (generation, root) = self.newest();
        let mut stored = generation.to_be_bytes().to_vec();
        stored.extend(Cipher::Aes256Gcm.seal(&purpose.key(root), &joined(aad), plaintext));
        stored
    }

    /// Whether the root key is here that this was encrypted under.
    pub(crate) fn knows_root_of(&self, stored: &[u8]) -> bool {
        generation_of(stored).is_some_and(|generation| self.generations.contains_key(&generation))
    }

    /// Decrypts what [`Self::protect`] made.
    pub(crate) fn reveal(
        &self,
        purpose: Purpose<'_>,
        aad: &[&str],
        stored: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        generation_of(stored)
            .and_then(|generation| self.generations.get(&generation))
            .and_then(|root| Cipher::Aes256Gcm.open(&purpose.key(root), &joined(aad), &stored[GENERATION_LENGTH..]))
            .ok_or(Error::Corrupt(purpose.label))
    }
}

impl Purpose<'_> {
    fn key(&self, root: &Key) -> Key {
        derive(&**root, &[self.label.as_bytes(), b"\0", self.owner.as_bytes()])
    }
}

fn root_aad(generation: u32) -> Vec<u8> {
    format!("root key {generation}").into_bytes()
}

fn generation_of(stored: &[u8]) -> Option<u32> {
    stored.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The parts with their lengths, so that no two lists of parts are one text.
pub(crate) fn joined(parts: &[&str]) -> Vec<u8> {
    let mut text = Vec::new();
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: Purpose<'_> = Purpose { label: "secret", owner: "tenant" };

    #[test]
    fn what_an_older_root_encrypted_opens_after_a_rotation_and_nothing_opens_elsewhere() {
        let roots = Roots::first(random_key());
        let stored = roots.protect(PURPOSE, &["a", "b"], b"text");
        let rotated = roots.with_next();
        assert_eq!(&**rotated.reveal(PURPOSE, &["a", "b"], &stored).unwrap(), b"text");
        assert_eq!(rotated.protect(PURPOSE, &[], b"")[..4], [0, 0, 0, 2]);
        assert!(rotated.reveal(PURPOSE, &["ab", ""], &stored).is_err());
        assert!(rotated.reveal(Purpose { owner: "other", ..PURPOSE }, &["a", "b"], &stored).is_err());
        assert!(rotated.reveal(Purpose { label: "key", ..PURPOSE }, &["a", "b"], &stored).is_err());
        assert!(!roots.knows_root_of(&rotated.protect(PURPOSE, &[], b"")));
    }

    #[test]
    fn only_its_own_master_key_opens_a_root() {
        let roots = Roots::first(random_key());
        let stored = [roots.newest_wrapped()];
        assert!(Roots::unwrap(roots.master.clone(), &stored).is_some());
        assert!(Roots::unwrap(random_key(), &stored).is_none());
        assert!(Roots::unwrap(roots.master.clone(), &[]).is_none());
        assert!(!format!("{roots:?}").contains("master"));
    }
}
