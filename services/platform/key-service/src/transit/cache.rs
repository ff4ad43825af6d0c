//! Keys that were unlocked a moment ago. What is dropped is wiped from memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use nexus_contracts::key_service::KeyChanged;
use nexus_kernel::events::Delivery;
use nexus_kernel::{Context, TenantId};

use super::unlocked::Unlocked;

/// The most keys in memory.
const MOST: u64 = 1_000;
/// How long a key stays there; changes that other instances make are heard of sooner.
const KEPT: Duration = Duration::from_secs(10);

/// Keys in memory.
#[derive(Debug)]
pub(crate) struct KeyCache {
    keys: Cache<(TenantId, String), Arc<Unlocked>>,
    /// How often something was forgotten: what was read before must not be put down after.
    forgotten: AtomicU64,
}

impl Default for KeyCache {
    fn default() -> Self {
        Self { keys: Cache::builder().max_capacity(MOST).time_to_live(KEPT).build(), forgotten: AtomicU64::new(0) }
    }
}

impl KeyCache {
    pub(super) fn get(&self, tenant: TenantId, name: &str) -> Option<Arc<Unlocked>> {
        self.keys.get(&(tenant, name.to_owned()))
    }

    /// To be taken before a key is read that is then put down.
    pub(super) fn moment(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }

    pub(super) fn put(&self, moment: u64, key: &Arc<Unlocked>) {
        if self.moment() == moment {
            self.keys.insert((key.key.tenant, key.key.name.clone()), Arc::clone(key));
        }
    }

    /// Forgets a key that has changed.
    pub(super) fn forget(&self, tenant: TenantId, name: &str) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.keys.invalidate(&(tenant, name.to_owned()));
    }

    /// Forgets all keys.
    pub(crate) fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.keys.invalidate_all();
        self.keys.run_pending_tasks();
    }
}

/// Another instance has changed a key.
pub(crate) fn observe_key_changed(context: &Context, event: &Delivery<KeyChanged>) {
    context.state::<KeyCache>().forget(event.data.tenant, &event.data.name);
}
