//! How a key may change.

use std::time::Duration;

use nexus_kernel::Role;

use super::key::{Kind, TransitKey};
use crate::error::Error;

/// The shortest time between two rotations that happen by themselves.
const MIN_ROTATION: Duration = Duration::from_hours(1);

/// What is to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeyChange {
    pub(crate) min_decryption_version: Option<u32>,
    pub(crate) min_encryption_version: Option<u32>,
    pub(crate) deletion_allowed: Option<bool>,
    pub(crate) exportable: Option<bool>,
    pub(crate) rotate_every: Option<Duration>,
    pub(crate) usable_by: Option<Role>,
}

impl TransitKey {
    /// The key with these changes.
    pub(crate) fn changed(self, change: &KeyChange) -> Result<Self, Error> {
        let latest = self.latest_version;
        // 0 is how clients say that every version decrypts.
        let decryption = change.min_decryption_version.map_or(self.min_decryption_version, |version| version.max(1));
        if decryption > latest {
            return Err(Error::invalid(format!(
                "cannot set min decryption version of {decryption}, latest key version is {latest}"
            )));
        }
        if decryption < self.min_available_version {
            return Err(Error::invalid("min decryption version cannot be less than the minimum available version"));
        }
        let encryption = change.min_encryption_version.unwrap_or(self.min_encryption_version);
        if encryption > latest {
            return Err(Error::invalid(format!(
                "cannot set min encryption version of {encryption}, latest key version is {latest}"
            )));
        }
        if encryption > 0 && encryption < decryption {
            return Err(Error::invalid(format!(
                "cannot set min encryption/decryption values; min encryption version of {encryption} must be greater than or \
                 equal to min decryption version of {decryption}"
            )));
        }
        if self.exportable && change.exportable == Some(false) {
            return Err(Error::invalid("a key that could be exported stays exportable: copies may be out"));
        }
        let rotate_every = change.rotate_every.unwrap_or(self.rotate_every);
        check_rotation(rotate_every)?;
        Ok(Self {
            min_decryption_version: decryption,
            min_encryption_version: encryption,
            deletion_allowed: change.deletion_allowed.unwrap_or(self.deletion_allowed),
            exportable: change.exportable.unwrap_or(self.exportable),
            rotate_every,
            usable_by: change.usable_by.unwrap_or(self.usable_by),
            ..self
        })
    }

    /// The key without the versions before this one.
    pub(crate) fn trimmed(self, min_available_version: u32) -> Result<Self, Error> {
        if self.min_encryption_version == 0 {
            return Err(Error::invalid(
                "minimum available version cannot be set when minimum encryption version is not set",
            ));
        }
        if min_available_version < self.min_available_version {
            return Err(Error::invalid("minimum available version cannot be decremented"));
        }
        if min_available_version > self.min_encryption_version || min_available_version > self.min_decryption_version {
            return Err(Error::invalid(
                "minimum available version cannot be higher than the minimum encryption or decryption version",
            ));
        }
        Ok(Self { min_available_version, ..self })
    }
}

/// Refuses rotations that are too frequent.
pub(super) fn check_rotation(every: Duration) -> Result<(), Error> {
    if every.is_zero() || every >= MIN_ROTATION {
        return Ok(());
    }
    Err(Error::invalid("auto rotate period must be 0 to disable or at least an hour"))
}

/// Refuses keys that are no kind's.
pub(super) fn check_kind(kind: Kind, derived: bool, convergent: bool) -> Result<(), Error> {
    if kind == Kind::Hmac && (derived || convergent) {
        return Err(Error::invalid("key derivation and convergent encryption not supported for keys of type hmac"));
    }
    if convergent && !derived {
        return Err(Error::invalid("convergent encryption requires derivation to be enabled"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nexus_kernel::{TenantId, Timestamp, UserId};
    use proptest::prelude::*;

    use super::*;

    fn key(latest_version: u32) -> TransitKey {
        let nobody = "00000000-0000-7000-8000-000000000000".parse().unwrap();
        TransitKey {
            id: String::new(),
            tenant: TenantId(nobody),
            name: "orders".to_owned(),
            kind: Kind::Aes256Gcm96,
            owner: UserId(nobody),
            usable_by: Role::Member,
            derived: false,
            convergent: false,
            exportable: false,
            deletion_allowed: false,
            latest_version,
            min_available_version: 0,
            min_decryption_version: 1,
            min_encryption_version: 0,
            rotate_every: Duration::ZERO,
            rotated_at: Timestamp::from_micros(0),
            created_at: Timestamp::from_micros(0),
        }
    }

    proptest! {
        /// Whatever is asked for in whatever order, the versions stay in their order and the latest is never cut off.
        #[test]
        fn versions_stay_in_order(steps in prop::collection::vec((0_u32..8, 0_u32..8, 0_u32..8, any::<bool>()), 0..20)) {
            let mut key = key(3);
            for (decryption, encryption, available, rotate) in steps {
                let change = KeyChange {
                    min_decryption_version: Some(decryption), min_encryption_version: Some(encryption), ..KeyChange::default()
                };
                key = key.clone().changed(&change).unwrap_or(key);
                key = key.clone().trimmed(available).unwrap_or(key);
                if rotate {
                    key = key.rotated(Timestamp::from_micros(1)).unwrap();
                }
                let encrypts = if key.min_encryption_version == 0 { key.latest_version } else { key.min_encryption_version };
                prop_assert!(key.min_available_version <= key.min_decryption_version);
                prop_assert!(key.min_decryption_version <= encrypts && encrypts <= key.latest_version);
            }
        }
    }

    #[test]
    fn what_was_exportable_stays_so_and_rotations_leave_an_hour() {
        let exportable = KeyChange { exportable: Some(true), ..KeyChange::default() };
        let exported = key(1).changed(&exportable).unwrap();
        assert!(exported.clone().changed(&KeyChange { exportable: Some(false), ..KeyChange::default() }).is_err());
        let often = KeyChange { rotate_every: Some(Duration::from_mins(59)), ..KeyChange::default() };
        assert!(exported.changed(&often).is_err());
        assert!(key(1).trimmed(1).is_err());
        assert!(check_kind(Kind::Aes256Gcm96, false, true).is_err() && check_kind(Kind::Hmac, true, false).is_err());
    }
}
