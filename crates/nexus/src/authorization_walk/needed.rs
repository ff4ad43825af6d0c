//! Who may do what, as `needed.toml` says: the walk checks it, and that it names every operation.

use std::collections::BTreeMap;

use figment::providers::{Format, Toml};
use nexus_kernel::Role;

use super::operation::Operation;

/// Who gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needed {
    /// Whoever has this role or one above it.
    Role(Role),
    /// Only the person whose thing it is, whatever the role of who asks.
    Own,
    /// Only an application, as far as a person let it.
    Application,
}

impl Needed {
    /// Whether somebody with this role must be refused.
    pub(super) fn refuses(self, role: Role) -> bool {
        match self {
            Self::Role(least) => role < least,
            // The things are the owner's.
            Self::Own => role < Role::Owner,
            Self::Application => true,
        }
    }
}

/// The whole file.
pub(super) struct Table(BTreeMap<String, Needed>);

/// Reads it.
pub(super) fn read() -> Table {
    let text: BTreeMap<String, BTreeMap<String, String>> = Toml::from_str(include_str!("needed.toml")).unwrap();
    let needed = |name: &str| match name {
        "own" => Needed::Own,
        "application" => Needed::Application,
        role => Needed::Role(role.parse().unwrap()),
    };
    Table(text.into_values().flatten().map(|(operation, name)| (operation, needed(&name))).collect())
}

impl Table {
    /// What an operation needs.
    pub(super) fn of(&self, operation: &str) -> Needed {
        self.0[operation]
    }

    /// Fails unless exactly these operations are in the file.
    pub(super) fn agrees_with(&self, operations: &[Operation]) {
        let missing: Vec<_> =
            operations.iter().filter(|one| !self.0.contains_key(&one.id)).map(|one| &one.id).collect();
        assert!(missing.is_empty(), "needed.toml does not say who may do {missing:?}");
        let gone: Vec<_> = self.0.keys().filter(|id| operations.iter().all(|one| one.id != **id)).collect();
        assert!(gone.is_empty(), "needed.toml speaks of {gone:?}, which need no token or are not there");
    }
}
