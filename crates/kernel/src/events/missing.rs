//! Events that a subscriber can never apply any more: its readiness says so until an operator has decided what to do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What each publisher's log no longer has, by its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Missing(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Missing {
    /// The readiness check's name.
    pub(crate) const CHECK: &str = "events";

    fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is news.
    pub(super) fn set(&self, source: &'static str, what: String) -> bool {
        self.all().insert(source, what).is_none()
    }

    /// Whether something was missing before.
    pub(super) fn clear(&self, source: &str) -> bool {
        self.all().remove(source).is_some()
    }

    /// Whether nothing is missing; the error names what is.
    pub(crate) fn check(&self) -> Result<(), String> {
        let all = self.all();
        if all.is_empty() { Ok(()) } else { Err(all.values().cloned().collect::<Vec<_>>().join("; ")) }
    }
}
