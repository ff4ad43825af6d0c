//! A key with what makes it one, in memory: it encrypts, decrypts and authenticates.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use nexus_kernel::Timestamp;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::ciphertext::Token;
use super::key::{Material, TransitKey};
use crate::aead::{Cipher, Key, derive};
use crate::error::Error;

/// A key and the versions that are there.
#[derive(Debug)]
pub(crate) struct Unlocked {
    pub(crate) key: TransitKey,
    pub(crate) versions: BTreeMap<u32, (Material, Timestamp)>,
}

/// What is to be encrypted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plain<'a> {
    pub(crate) plaintext: &'a [u8],
    /// What the key is derived for, when it is derived.
    pub(crate) context: &'a [u8],
    /// What has to be told again to decrypt.
    pub(crate) associated_data: &'a [u8],
    /// The version to encrypt with; 0 for the latest.
    pub(crate) version: u32,
}

/// What is to be decrypted.
#[derive(Debug, Clone)]
pub(crate) struct Sealed<'a> {
    pub(crate) token: &'a Token,
    pub(crate) context: &'a [u8],
    pub(crate) associated_data: &'a [u8],
}

/// With which hash function it is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// The algorithm of this name.
    pub(crate) fn named(name: &str) -> Result<Self, Error> {
        match name {
            "sha2-224" => Ok(Self::Sha224),
            "" | "sha2-256" => Ok(Self::Sha256),
            "sha2-384" => Ok(Self::Sha384),
            "sha2-512" => Ok(Self::Sha512),
            other => Err(Error::invalid(format!(
                "unsupported algorithm {other}; there are sha2-224, sha2-256, sha2-384 and sha2-512"
            ))),
        }
    }
}

impl Unlocked {
    /// Encrypts.
    pub(crate) fn encrypt(&self, plain: &Plain<'_>) -> Result<Token, Error> {
        let cipher = self.cipher()?;
        let version = self.version_to_encrypt(plain.version)?;
        let material = self.material(version)?;
        let key = self.key_for(material, plain.context)?;
        let bytes = if self.key.convergent {
            let nonce = convergent_nonce(material, plain);
            cipher.seal_with(&key, nonce, plain.associated_data, plain.plaintext)
        } else {
            cipher.seal(&key, plain.associated_data, plain.plaintext)
        };
        Ok(Token { version, bytes })
    }

    /// Decrypts.
    pub(crate) fn decrypt(&self, sealed: &Sealed<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
        let cipher = self.cipher()?;
        let material = self.material(self.version_to_decrypt(sealed.token.version)?)?;
        let key = self.key_for(material, sealed.context)?;
        cipher
            .open(&key, sealed.associated_data, &sealed.token.bytes)
            .ok_or_else(|| Error::invalid("cipher: message authentication failed"))
    }

    /// The authentication code of an input.
    pub(crate) fn authenticate(&self, algorithm: Algorithm, version: u32, input: &[u8]) -> Result<Token, Error> {
        let version = self.version_to_encrypt(version)?;
        let bytes = code(self.material(version)?, algorithm, input);
        Ok(Token { version, bytes })
    }

    /// Whether a code is the input's; in constant time.
    pub(crate) fn verify(&self, algorithm: Algorithm, token: &Token, input: &[u8]) -> Result<bool, Error> {
        let material = self.material(self.version_to_decrypt(token.version)?)?;
        Ok(subtle::ConstantTimeEq::ct_eq(code(material, algorithm, input).as_slice(), token.bytes.as_slice()).into())
    }

    fn cipher(&self) -> Result<Cipher, Error> {
        let unsupported = || Error::invalid(format!("key type {} does not encrypt", self.key.kind.as_str()));
        self.key.kind.cipher().ok_or_else(unsupported)
    }

    fn material(&self, version: u32) -> Result<&Material, Error> {
        let found = self.versions.get(&version).map(|(material, _)| material);
        found.ok_or_else(|| Error::invalid(format!("version {version} of the key is not there")))
    }

    fn version_to_encrypt(&self, asked: u32) -> Result<u32, Error> {
        let TransitKey { latest_version, min_encryption_version, .. } = self.key;
        match asked {
            0 => Ok(latest_version),
            asked if asked > latest_version => {
                Err(Error::invalid("requested version for encryption is higher than the latest key version"))
            }
            asked if asked < min_encryption_version || (min_encryption_version == 0 && asked < latest_version) => {
                Err(Error::invalid("requested version for encryption is less than the minimum encryption key version"))
            }
            asked => Ok(asked),
        }
    }

    fn version_to_decrypt(&self, asked: u32) -> Result<u32, Error> {
        if asked > self.key.latest_version {
            return Err(Error::invalid("invalid ciphertext: version is too new"));
        }
        if asked < self.key.min_decryption_version {
            return Err(Error::invalid("ciphertext or signature version is disallowed by policy (too old)"));
        }
        Ok(asked)
    }

    fn key_for(&self, material: &Material, context: &[u8]) -> Result<Key, Error> {
        match (self.key.derived, context) {
            (true, []) => Err(Error::invalid(
                "missing 'context' for key derivation; the key was created using a derived key, which means additional, \
                 per-request information must be included in order to perform operations with the key",
            )),
            (true, context) => Ok(derive(&*material.encryption, &[context])),
            (false, _) => Ok(material.encryption.clone()),
        }
    }
}

/// A nonce that follows from everything that is encrypted: it comes again only when all of it does, so that no two
/// different messages ever share one.
fn convergent_nonce(material: &Material, plain: &Plain<'_>) -> [u8; 12] {
    let key = derive(&*material.authentication, &[b"convergent nonce"]);
    let mut mac = Hmac::<Sha256>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    for part in [plain.context, plain.associated_data, plain.plaintext] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let code = mac.finalize().into_bytes();
    *code.first_chunk().expect("a code has 32 bytes")
}

fn code(material: &Material, algorithm: Algorithm, input: &[u8]) -> Vec<u8> {
    let key = material.authentication.as_slice();
    match algorithm {
        Algorithm::Sha224 => mac::<Hmac<Sha224>>(key, input),
        Algorithm::Sha256 => mac::<Hmac<Sha256>>(key, input),
        Algorithm::Sha384 => mac::<Hmac<Sha384>>(key, input),
        Algorithm::Sha512 => mac::<Hmac<Sha512>>(key, input),
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], input: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(input);
    mac.finalize().into_bytes().to_vec()
}
