//! How keys are asked for and shown.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_kernel::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{duration, number, truth};
use crate::transit::{Kind, TransitKey, Unlocked};

/// What all lists are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Names {
    /// The names, in their order.
    #[schema(example = json!(["orders"]))]
    pub(super) keys: Vec<String>,
}

/// A key to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct CreateKey {
    /// What it is for.
    #[serde(default, rename = "type")]
    #[schema(example = "aes256-gcm96")]
    pub(super) kind: Option<Kind>,
    /// Whether each context has a key of its own.
    #[serde(default, deserialize_with = "truth")]
    pub(super) derived: Option<bool>,
    /// Whether the same plaintext in the same context gives the same ciphertext; needs `derived`.
    #[serde(default, deserialize_with = "truth")]
    pub(super) convergent_encryption: Option<bool>,
    /// Whether it may be exported.
    #[serde(default, deserialize_with = "truth")]
    pub(super) exportable: Option<bool>,
    /// Not offered: anything but `false` is refused.
    #[serde(default, deserialize_with = "truth")]
    pub(super) allow_plaintext_backup: Option<bool>,
    /// How often it is rotated by itself, as `720h`; 0 for never.
    #[serde(default, deserialize_with = "duration")]
    #[schema(value_type = Option<String>, example = "720h")]
    pub(super) auto_rotate_period: Option<Duration>,
    /// The least role that uses it; `member` where nothing is said.
    #[serde(default)]
    pub(super) usable_by: Option<Role>,
}

/// What is to change of a key; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct ConfigureKey {
    /// The oldest version that decrypts.
    #[serde(default, deserialize_with = "number")]
    #[schema(example = 1)]
    pub(super) min_decryption_version: Option<u32>,
    /// The oldest version that encrypts; 0 for the latest alone.
    #[serde(default, deserialize_with = "number")]
    #[schema(example = 0)]
    pub(super) min_encryption_version: Option<u32>,
    /// Whether it may be deleted.
    #[serde(default, deserialize_with = "truth")]
    pub(super) deletion_allowed: Option<bool>,
    /// Whether it may be exported; once it may, it stays so.
    #[serde(default, deserialize_with = "truth")]
    pub(super) exportable: Option<bool>,
    /// Not offered: anything but `false` is refused.
    #[serde(default, deserialize_with = "truth")]
    pub(super) allow_plaintext_backup: Option<bool>,
    /// How often it is rotated by itself, as `720h`; 0 for never.
    #[serde(default, deserialize_with = "duration")]
    #[schema(value_type = Option<String>, example = "720h")]
    pub(super) auto_rotate_period: Option<Duration>,
    /// The least role that uses it.
    #[serde(default)]
    pub(super) usable_by: Option<Role>,
}

/// Up to where versions are forgotten.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct TrimKey {
    /// The oldest version that stays.
    #[serde(default, deserialize_with = "number")]
    #[schema(example = 2)]
    pub(super) min_available_version: Option<u32>,
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "Vault's own shape")]
pub(super) struct KeyInfo {
    /// Its name.
    #[schema(example = "orders")]
    pub(super) name: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    /// Its versions that are there, with the second at which each was made.
    #[schema(example = json!({"1": 1_764_200_000}))]
    pub(super) keys: BTreeMap<String, i64>,
    /// The version that encrypts where none is named.
    #[schema(example = 1)]
    pub(super) latest_version: u32,
    /// The oldest version that is there; 0 for all.
    #[schema(example = 0)]
    pub(super) min_available_version: u32,
    /// The oldest version that decrypts.
    #[schema(example = 1)]
    pub(super) min_decryption_version: u32,
    /// The oldest version that encrypts; 0 for the latest alone.
    #[schema(example = 0)]
    pub(super) min_encryption_version: u32,
    /// Whether it may be deleted.
    pub(super) deletion_allowed: bool,
    /// Whether each context has a key of its own.
    pub(super) derived: bool,
    /// How those are derived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kdf: Option<&'static str>,
    /// Whether the same plaintext in the same context gives the same ciphertext.
    pub(super) convergent_encryption: bool,
    /// Whether it may be exported.
    pub(super) exportable: bool,
    /// Always false.
    pub(super) allow_plaintext_backup: bool,
    /// Always false: keys are made here.
    pub(super) imported_key: bool,
    /// Seconds between rotations that happen by themselves; 0 for never.
    #[schema(example = 0)]
    pub(super) auto_rotate_period: u64,
    /// Whether it encrypts.
    pub(super) supports_encryption: bool,
    /// Whether it decrypts.
    pub(super) supports_decryption: bool,
    /// Whether keys can be derived of it.
    pub(super) supports_derivation: bool,
    /// Always false: keys that sign are pv-keys'.
    pub(super) supports_signing: bool,
    /// The least role that uses it.
    pub(super) usable_by: Role,
    /// Who made it.
    #[schema(example = "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11")]
    pub(super) owner: String,
}

impl KeyInfo {
    pub(super) fn of(unlocked: &Unlocked) -> Self {
        let key: &TransitKey = &unlocked.key;
        let encrypts = key.kind.cipher().is_some();
        let versions = unlocked.versions.iter();
        Self {
            name: key.name.clone(),
            kind: key.kind,
            keys: versions.map(|(version, (_, made_at))| (version.to_string(), made_at.as_seconds())).collect(),
            latest_version: key.latest_version,
            min_available_version: key.min_available_version,
            min_decryption_version: key.min_decryption_version,
            min_encryption_version: key.min_encryption_version,
            deletion_allowed: key.deletion_allowed,
            derived: key.derived,
            kdf: key.derived.then_some("hkdf_sha256"),
            convergent_encryption: key.convergent,
            exportable: key.exportable,
            allow_plaintext_backup: false,
            imported_key: false,
            auto_rotate_period: key.rotate_every.as_secs(),
            supports_encryption: encrypts,
            supports_decryption: encrypts,
            supports_derivation: encrypts,
            supports_signing: false,
            usable_by: key.usable_by,
            owner: key.owner.to_string(),
        }
    }
}

/// A key that left.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportedKey {
    /// Its name.
    #[schema(example = "orders")]
    pub(super) name: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    /// The versions that were asked for, in base64.
    pub(super) keys: BTreeMap<String, String>,
}
