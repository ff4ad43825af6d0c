//! A key and its versions.

use std::fmt;
use std::time::Duration;

use nexus_kernel::{Resource, Role, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::aead::{Cipher, KEY_LENGTH, Key, random_key};
use crate::error::Error;

/// The longest name of a key, in characters.
const MAX_NAME: usize = 128;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = TransitKeyType)]
pub(crate) enum Kind {
    /// AES-256-GCM with nonces of 96 bits.
    #[default]
    #[serde(rename = "aes256-gcm96")]
    Aes256Gcm96,
    /// ChaCha20-Poly1305.
    #[serde(rename = "chacha20-poly1305")]
    ChaCha20Poly1305,
    /// HMAC alone.
    #[serde(rename = "hmac")]
    Hmac,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Aes256Gcm96, Self::ChaCha20Poly1305, Self::Hmac];

    /// The kind's name, as in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Aes256Gcm96 => "aes256-gcm96",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
            Self::Hmac => "hmac",
        }
    }

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// How it encrypts, when it does.
    pub(crate) fn cipher(self) -> Option<Cipher> {
        match self {
            Self::Aes256Gcm96 => Some(Cipher::Aes256Gcm),
            Self::ChaCha20Poly1305 => Some(Cipher::ChaCha20Poly1305),
            Self::Hmac => None,
        }
    }
}

/// A key, without what makes it one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own, and Vault's clients name them all")]
pub(crate) struct TransitKey {
    pub(crate) id: String,
    pub(crate) tenant: TenantId,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) owner: UserId,
    /// The least role that uses it.
    pub(crate) usable_by: Role,
    /// Whether each context has a key of its own.
    pub(crate) derived: bool,
    /// Whether the same plaintext in the same context gives the same ciphertext.
    pub(crate) convergent: bool,
    pub(crate) exportable: bool,
    pub(crate) deletion_allowed: bool,
    pub(crate) latest_version: u32,
    /// The oldest version that is there; 0 for all.
    pub(crate) min_available_version: u32,
    pub(crate) min_decryption_version: u32,
    /// The oldest version that encrypts; 0 for the latest alone.
    pub(crate) min_encryption_version: u32,
    /// How often it is rotated by itself; zero for never.
    pub(crate) rotate_every: Duration,
    pub(crate) rotated_at: Timestamp,
    pub(crate) created_at: Timestamp,
}

impl TransitKey {
    /// The key, for the policies.
    pub(crate) fn resource(&self) -> Resource {
        Resource::new("TransitKey", &self.name).tenant(self.tenant).owner(self.owner).text("usable_by", self.usable_by)
    }

    /// When it is rotated by itself.
    pub(crate) fn rotate_at(&self) -> Option<Timestamp> {
        (!self.rotate_every.is_zero()).then(|| self.rotated_at.plus(self.rotate_every))
    }

    /// The key after a rotation.
    pub(crate) fn rotated(self, now: Timestamp) -> Result<Self, Error> {
        let latest_version =
            self.latest_version.checked_add(1).ok_or_else(|| Error::invalid("the key has no more versions"))?;
        Ok(Self { latest_version, rotated_at: now, ..self })
    }
}

/// A key that is not there yet, for the policies.
pub(crate) fn resource(tenant: TenantId, name: &str, usable_by: Role) -> Resource {
    Resource::new("TransitKey", name).tenant(tenant).text("usable_by", usable_by)
}

/// Refuses names that would not be read the same everywhere.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.') {
        return Ok(());
    }
    Err(Error::invalid(format!("a key's name has 1 to {MAX_NAME} letters, digits, dots, hyphens and underscores")))
}

/// What makes a version of a key: one half encrypts, the other authenticates.
#[derive(Clone)]
pub(crate) struct Material {
    pub(crate) encryption: Key,
    pub(crate) authentication: Key,
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Material(***)")
    }
}

impl Material {
    /// A new one.
    pub(crate) fn generate() -> Self {
        Self { encryption: random_key(), authentication: random_key() }
    }

    /// Both halves, to be encrypted.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([&self.encryption[..], &self.authentication[..]].concat())
    }

    /// Both halves, decrypted.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (encryption, authentication) = bytes.split_first_chunk::<KEY_LENGTH>()?;
        let authentication: &[u8; KEY_LENGTH] = authentication.try_into().ok()?;
        Some(Self { encryption: Zeroizing::new(*encryption), authentication: Zeroizing::new(*authentication) })
    }
}

/// A version as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) material: Vec<u8>,
    pub(crate) created_at: Timestamp,
}
