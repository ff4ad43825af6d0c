//! The cache in this process's memory.

use std::future::ready;
use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::Expiry;
use moka::future;

use crate::limit::{Decision, Quota, gcra};
use crate::time::{Clock, Timestamp};

use super::redis::KEPT_LONGER;

/// The most bytes of keys and values.
const MAX_BYTES: u64 = 64 << 20;
/// The most keys with a rate limit. Beyond, those seen least are forgotten, and begin with a whole allowance.
const MAX_LIMITS: u64 = 500_000;

pub(super) struct Embedded {
    clock: Clock,
    values: future::Cache<String, Entry>,
    limits: future::Cache<String, Limit>,
}

#[derive(Clone)]
struct Entry {
    value: Bytes,
    expires_at: Timestamp,
    ttl: Duration,
}

#[derive(Clone)]
struct Limit {
    whole_at: Timestamp,
    decision: Decision,
}

/// Frees memory by the machine's clock, some time after the injected one has ended the entry.
struct Unused;

impl Expiry<String, Entry> for Unused {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl.saturating_add(KEPT_LONGER))
    }

    fn expire_after_update(&self, _: &String, entry: &Entry, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(entry.ttl.saturating_add(KEPT_LONGER))
    }
}

impl Expiry<String, Limit> for Unused {
    fn expire_after_create(&self, _: &String, limit: &Limit, _: Instant) -> Option<Duration> {
        Some(limit.decision.reset_after.saturating_add(KEPT_LONGER))
    }

    fn expire_after_update(&self, _: &String, limit: &Limit, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(limit.decision.reset_after.saturating_add(KEPT_LONGER))
    }
}

impl Embedded {
    pub(super) fn new(clock: Clock) -> Self {
        let values = future::Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(|key: &String, entry: &Entry| u32::try_from(key.len() + entry.value.len()).unwrap_or(u32::MAX))
            .expire_after(Unused)
            .build();
        let limits = future::Cache::builder().max_capacity(MAX_LIMITS).expire_after(Unused).build();
        Self { clock, values, limits }
    }

    pub(super) async fn get(&self, key: &str) -> Option<Bytes> {
        let entry = self.values.get(key).await?;
        (entry.expires_at > self.clock.now()).then_some(entry.value)
    }

    pub(super) async fn set(&self, key: &str, value: Bytes, ttl: Duration) {
        let entry = Entry { value, expires_at: self.clock.now().plus(ttl), ttl };
        self.values.insert(key.to_owned(), entry).await;
    }

    pub(super) async fn delete(&self, key: &str) {
        self.values.invalidate(key).await;
    }

    /// The upsert runs alone for its key, and its closure waits for nothing.
    pub(super) async fn limit(&self, key: &str, quota: Quota) -> Decision {
        let decide = |known: Option<moka::Entry<String, Limit>>| {
            let known = known.map(|entry| entry.into_value().whole_at);
            let (decision, whole_at) = gcra(known, self.clock.now(), &quota);
            ready(Limit { whole_at, decision })
        };
        self.limits.entry_by_ref(key).and_upsert_with(decide).await.into_value().decision
    }
}
