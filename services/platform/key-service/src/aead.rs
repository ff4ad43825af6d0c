//! Authenticated encryption (RFC 5116) and key derivation (RFC 5869), by ring.

use ring::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

/// The length of a key, in bytes.
pub(crate) const KEY_LENGTH: usize = 32;

/// A key; wiped from memory when it is dropped.
pub(crate) type Key = Zeroizing<[u8; KEY_LENGTH]>;

/// How it is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cipher {
    /// AES-256-GCM (NIST SP 800-38D).
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

impl Cipher {
    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes256Gcm => &AES_256_GCM,
            Self::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        }
    }

    fn key(self, key: &[u8; KEY_LENGTH]) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(self.algorithm(), key).expect("both ciphers have keys of 32 bytes"))
    }

    /// Encrypts under a nonce that chance makes; the nonce stands before what comes of it.
    pub(crate) fn seal(self, key: &[u8; KEY_LENGTH], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.seal_with(key, rand::random(), aad, plaintext)
    }

    /// Encrypts under this nonce, which the key must never meet again with another plaintext or other `aad`.
    pub(crate) fn seal_with(
        self,
        key: &[u8; KEY_LENGTH],
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(NONCE_LEN + plaintext.len() + self.algorithm().tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let tag = self
            .key(key)
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut sealed[NONCE_LEN..])
            .expect("no plaintext here is near the ciphers' limit of gigabytes");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Decrypts what [`Self::seal`] made; `None` when the key or `aad` is another, or a bit was changed.
    pub(crate) fn open(self, key: &[u8; KEY_LENGTH], aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut plaintext = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key(key).open_in_place(nonce, Aad::from(aad), &mut plaintext).ok()?.len();
        plaintext.truncate(length);
        Some(plaintext)
    }
}

/// A new key.
pub(crate) fn random_key() -> Key {
    Zeroizing::new(rand::random())
}

/// The key that follows from another one for this purpose.
pub(crate) fn derive(key: &[u8], purpose: &[&[u8]]) -> Key {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            KEY_LENGTH
        }
    }
    let mut derived = Key::default();
    Salt::new(HKDF_SHA256, &[])
        .extract(key)
        .expand(purpose, Length)
        .and_then(|output| output.fill(derived.as_mut_slice()))
        .expect("32 bytes are within what HKDF gives");
    derived
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens_with_its_key_and_aad_alone(
            plaintext in prop::collection::vec(any::<u8>(), 0..200), aad in ".{0,20}", flip in any::<prop::sample::Index>(),
        ) {
            for cipher in [Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305] {
                let key = random_key();
                let sealed = cipher.seal(&key, aad.as_bytes(), &plaintext);
                let opened = cipher.open(&key, aad.as_bytes(), &sealed).unwrap();
                prop_assert_eq!(&*opened, &plaintext);
                prop_assert!(cipher.open(&random_key(), aad.as_bytes(), &sealed).is_none());
                let other = format!("{aad}x");
                prop_assert!(cipher.open(&key, other.as_bytes(), &sealed).is_none());
                let mut changed = sealed.clone();
                changed[flip.index(sealed.len())] ^= 1;
                prop_assert!(cipher.open(&key, aad.as_bytes(), &changed).is_none());
                prop_assert!(cipher.open(&key, aad.as_bytes(), &sealed[..flip.index(sealed.len())]).is_none());
            }
        }
    }

    #[test]
    fn aes_and_chacha_answer_the_standards_own_vectors() {
        // RFC 8439 section 2.8.2.
        let key: [u8; 32] = std::array::from_fn(|index| 0x80 + u8::try_from(index).unwrap());
        let nonce = [0x07, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];
        let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let sealed = Cipher::ChaCha20Poly1305.seal_with(&key, nonce, &aad, text);
        assert_eq!(nexus_kernel::blobs::hex(&sealed[12..16]), "d31a8d34");
        assert_eq!(nexus_kernel::blobs::hex(&sealed[sealed.len() - 16..]), "1ae10b594f09e26a7e902ecbd0600691");
        // The GCM specification (McGrew and Viega), appendix B, test case 13.
        let sealed = Cipher::Aes256Gcm.seal_with(&[0; 32], [0; 12], &[], &[]);
        assert_eq!(nexus_kernel::blobs::hex(&sealed[12..]), "530f8afbc74536b9a963b4f1c4cb738b");
    }

    #[test]
    fn another_purpose_is_another_key() {
        let key = random_key();
        assert_eq!(derive(&*key, &[b"a"]), derive(&*key, &[b"a"]));
        assert_ne!(derive(&*key, &[b"a"]), derive(&*key, &[b"b"]));
        // RFC 5869, test case 3: no salt, no info.
        let okm = derive(&[0x0b; 22], &[]);
        assert_eq!(nexus_kernel::blobs::hex(&okm[..8]), "8da4e775a563c18f");
    }
}
