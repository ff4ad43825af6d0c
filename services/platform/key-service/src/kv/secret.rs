//! A secret, its versions, and the rules that they follow.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_kernel::Timestamp;

use crate::error::Error;

/// How many versions are kept where nothing else is said.
const STANDARD_VERSIONS: u32 = 10;
/// The most versions that are kept.
const MAX_VERSIONS: u32 = 1_000;
/// Limits of what people note about a secret.
const MAX_NOTES: usize = 64;
const MAX_NOTE_NAME: usize = 128;
const MAX_NOTE: usize = 512;

/// What holds for all secrets of a tenant, unless a secret says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rules {
    /// How many versions are kept; 0 for the standard.
    pub(crate) max_versions: u32,
    /// Whether each write has to name the version that it follows.
    pub(crate) cas_required: bool,
    /// How long after it is written a version is deleted by itself; zero for never.
    pub(crate) delete_after: Duration,
}

impl Rules {
    /// Refuses rules that make no sense.
    pub(crate) fn check(self) -> Result<Self, Error> {
        if self.max_versions > MAX_VERSIONS {
            return Err(Error::invalid(format!("max_versions must be at most {MAX_VERSIONS}")));
        }
        Ok(self)
    }
}

/// A secret, without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) path: String,
    /// The newest version; 0 before the first.
    pub(crate) current_version: u32,
    pub(crate) rules: Rules,
    pub(crate) notes: BTreeMap<String, String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A version of a secret, without its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) created_at: Timestamp,
    /// When it was deleted, or will be.
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) destroyed: bool,
}

impl Version {
    /// Whether its value is given out.
    pub(crate) fn is_readable(&self, now: Timestamp) -> bool {
        !self.destroyed && self.deleted_at.is_none_or(|at| at > now)
    }
}

/// What is to change of what is known about a secret; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MetadataChange {
    pub(crate) max_versions: Option<u32>,
    pub(crate) cas_required: Option<bool>,
    pub(crate) delete_after: Option<Duration>,
    pub(crate) notes: Option<BTreeMap<String, Option<String>>>,
    /// Whether notes that are not named go.
    pub(crate) replaces_notes: bool,
}

impl Secret {
    /// A secret without a version.
    pub(crate) fn new(path: &str, now: Timestamp) -> Self {
        Self {
            path: path.to_owned(),
            current_version: 0,
            rules: Rules::default(),
            notes: BTreeMap::new(),
            created_at: now,
            updated_at: now,
        }
    }

    /// Refuses a write that follows another version than it says (check-and-set).
    pub(crate) fn check_and_set(&self, tenant: Rules, cas: Option<u32>) -> Result<(), Error> {
        match cas {
            None if self.rules.cas_required || tenant.cas_required => {
                Err(Error::invalid("check-and-set parameter required for this call"))
            }
            Some(cas) if cas != self.current_version => {
                Err(Error::invalid("check-and-set parameter did not match the current version"))
            }
            _ => Ok(()),
        }
    }

    /// The oldest version that is kept.
    pub(crate) fn oldest_kept(&self, tenant: Rules) -> u32 {
        let own = [self.rules.max_versions, tenant.max_versions].into_iter().find(|most| *most > 0);
        (self.current_version + 1).saturating_sub(own.unwrap_or(STANDARD_VERSIONS)).max(1)
    }

    /// When a version that is written now is deleted by itself.
    pub(crate) fn deletes_at(&self, tenant: Rules, now: Timestamp) -> Option<Timestamp> {
        let after = [self.rules.delete_after, tenant.delete_after].into_iter().find(|after| !after.is_zero());
        after.map(|after| now.plus(after))
    }

    /// The secret with these changes.
    pub(crate) fn changed(mut self, change: MetadataChange, now: Timestamp) -> Result<Self, Error> {
        self.rules = Rules {
            max_versions: change.max_versions.unwrap_or(self.rules.max_versions),
            cas_required: change.cas_required.unwrap_or(self.rules.cas_required),
            delete_after: change.delete_after.unwrap_or(self.rules.delete_after),
        }
        .check()?;
        if let Some(notes) = change.notes {
            if change.replaces_notes {
                self.notes.clear();
            }
            for (name, note) in notes {
                match note {
                    Some(note) => self.notes.insert(name, note),
                    None => self.notes.remove(&name),
                };
            }
            check_notes(&self.notes)?;
        }
        self.updated_at = now;
        Ok(self)
    }
}

fn check_notes(notes: &BTreeMap<String, String>) -> Result<(), Error> {
    let fits = |(name, note): (&String, &String)| (1..=MAX_NOTE_NAME).contains(&name.len()) && note.len() <= MAX_NOTE;
    if notes.len() <= MAX_NOTES && notes.iter().all(fits) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "custom_metadata has at most {MAX_NOTES} entries, with names of at most {MAX_NOTE_NAME} bytes and texts of at most {MAX_NOTE}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn the_secrets_own_rules_come_before_the_organisations() {
        let mut secret = Secret { current_version: 12, ..Secret::new("a", NOW) };
        assert_eq!(secret.oldest_kept(Rules::default()), 3);
        let tenant = Rules { max_versions: 4, delete_after: Duration::from_mins(1), cas_required: true };
        assert_eq!(
            (secret.oldest_kept(tenant), secret.deletes_at(tenant, NOW)),
            (9, Some(NOW.plus(Duration::from_mins(1))))
        );
        secret.rules = Rules { max_versions: 20, delete_after: Duration::from_hours(1), cas_required: false };
        assert_eq!(
            (secret.oldest_kept(tenant), secret.deletes_at(tenant, NOW)),
            (1, Some(NOW.plus(Duration::from_hours(1))))
        );
        assert!(secret.check_and_set(tenant, None).is_err() && secret.check_and_set(tenant, Some(12)).is_ok());
        assert!(secret.check_and_set(Rules::default(), Some(11)).is_err());
    }

    #[test]
    fn notes_are_merged_or_replaced_and_stay_small() {
        let notes = |entries: &[(&str, Option<&str>)]| {
            Some(entries.iter().map(|(name, note)| ((*name).to_owned(), note.map(str::to_owned))).collect())
        };
        let merged =
            MetadataChange { notes: notes(&[("a", Some("1")), ("b", Some("2"))]), ..MetadataChange::default() };
        let secret = Secret::new("a", NOW).changed(merged, NOW).unwrap();
        let removed = MetadataChange { notes: notes(&[("a", None)]), ..MetadataChange::default() };
        assert_eq!(secret.clone().changed(removed, NOW).unwrap().notes.len(), 1);
        let replaced =
            MetadataChange { notes: notes(&[("c", Some("3"))]), replaces_notes: true, ..MetadataChange::default() };
        assert_eq!(secret.clone().changed(replaced, NOW).unwrap().notes.len(), 1);
        let long = MetadataChange { notes: notes(&[("c", Some(&"x".repeat(513)))]), ..MetadataChange::default() };
        assert!(secret.changed(long, NOW).is_err());
    }
}
