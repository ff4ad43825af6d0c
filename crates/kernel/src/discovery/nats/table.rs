//! Who is there, judged by this process's own monotonic clock from what it heard and when.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::discovery::Instance;
use crate::time::Timestamp;

/// How long an instance stays that is not heard of: three lost beats are borne, and one that was killed is gone before two
/// seconds are over.
const LEASE: Duration = Duration::from_millis(1_600);
/// When nothing at all was heard for this long, not even of this process itself, the fault is the way and not the instances.
const SILENCE: Duration = Duration::from_secs(1);
/// How long every instance stays that was there when the way broke, once it is back: each finds its own way back.
const RECOVERY: Duration = Duration::from_secs(4);

/// What an instance says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) url: String,
    pub(super) started: Timestamp,
}

/// The instances of each service, to be asked at every call.
pub(super) type View = HashMap<String, Vec<Instance>>;

#[derive(Debug, Default)]
pub(super) struct Table {
    services: HashMap<String, HashMap<String, Known>>,
    heard: Option<Instant>,
}

#[derive(Debug)]
struct Known {
    instance: Instance,
    until: Instant,
}

impl Table {
    /// Takes in that anything was heard.
    pub(super) fn hear(&mut self, now: Instant) {
        if self.is_silent(now) {
            for known in self.services.values_mut().flat_map(HashMap::values_mut) {
                known.until = known.until.max(now + RECOVERY);
            }
        }
        self.heard = Some(now);
    }

    /// Takes in that an instance is there; whether that is news. What says nothing that can be called is no instance.
    pub(super) fn put(&mut self, key: &str, value: &[u8], now: Instant) -> bool {
        let Some((service, id)) = key.split_once('.') else { return false };
        let Ok(entry) = serde_json::from_slice::<Entry>(value) else { return false };
        let Ok(instance) = Instance::http(&entry.url) else { return false };
        let known = self.services.entry(service.to_owned()).or_default();
        let until = now + LEASE;
        match known.get_mut(id) {
            Some(known) if known.instance.id() == instance.id() => {
                known.until = known.until.max(until);
                false
            }
            _ => {
                known.insert(id.to_owned(), Known { instance, until });
                true
            }
        }
    }

    /// Takes in that an instance has left; whether it was there.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let Some((service, id)) = key.split_once('.') else { return false };
        self.services.get_mut(service).is_some_and(|known| known.remove(id).is_some())
    }

    /// Lets go of those that were not heard of; whether there were any.
    pub(super) fn sweep(&mut self, now: Instant) -> bool {
        if self.is_silent(now) {
            return false;
        }
        let mut gone = false;
        for (service, known) in &mut self.services {
            known.retain(|_, known| {
                let stays = known.until > now;
                if !stays {
                    tracing::warn!(service, instance = &**known.instance.id(), "an instance is no longer heard of");
                }
                gone |= !stays;
                stays
            });
        }
        gone
    }

    pub(super) fn view(&self) -> View {
        let instances = |known: &HashMap<String, Known>| {
            let mut instances: Vec<_> = known.values().map(|known| known.instance.clone()).collect();
            // The same address twice: a process that came back before its earlier life was forgotten.
            instances.sort_by(|a, b| a.id().cmp(b.id()));
            instances.dedup_by(|a, b| a.id() == b.id());
            instances
        };
        self.services.iter().map(|(service, known)| (service.clone(), instances(known))).collect()
    }

    fn is_silent(&self, now: Instant) -> bool {
        self.heard.is_some_and(|heard| now.duration_since(heard) > SILENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_millis(400);

    fn entry(url: &str) -> Vec<u8> {
        format!(r#"{{"url":"{url}","started":"2026-03-01T09:30:00Z"}}"#).into_bytes()
    }

    fn beat(table: &mut Table, keys: &[&str], now: Instant) {
        for key in keys {
            table.hear(now);
            table.put(key, &entry(&format!("https://{key}:1")), now);
        }
        table.sweep(now);
    }

    fn count(table: &Table) -> usize {
        table.view().get("a").map_or(0, Vec::len)
    }

    #[test]
    fn an_instance_that_beats_stays_and_one_that_stops_is_gone_before_two_seconds_are_over() {
        let (mut table, mut now) = (Table::default(), Instant::now());
        for _ in 0..20 {
            beat(&mut table, &["a.one", "a.two"], now);
            now += BEAT;
        }
        assert_eq!(count(&table), 2);
        for _ in 0..3 {
            beat(&mut table, &["a.one"], now);
            assert_eq!(count(&table), 2, "three beats may be lost");
            now += BEAT;
        }
        beat(&mut table, &["a.one"], now);
        assert_eq!(count(&table), 1);
    }

    #[test]
    fn when_nothing_is_heard_everybody_stays_and_has_time_to_come_back() {
        let (mut table, mut now) = (Table::default(), Instant::now());
        beat(&mut table, &["a.one", "a.two"], now);
        now += Duration::from_mins(10);
        assert!(!table.sweep(now) && count(&table) == 2);
        for _ in 0..9 {
            beat(&mut table, &["a.one"], now);
            assert_eq!(count(&table), 2);
            now += BEAT;
        }
        for _ in 0..3 {
            now += BEAT;
            beat(&mut table, &["a.one"], now);
        }
        assert_eq!(count(&table), 1, "who does not come back is gone all the same");
    }

    #[test]
    fn who_leaves_is_gone_at_once_and_nonsense_is_nobody() {
        let (mut table, now) = (Table::default(), Instant::now());
        beat(&mut table, &["a.one", "a.two"], now);
        assert!(table.remove("a.one") && !table.remove("a.one") && !table.remove("b.one") && !table.remove("nonsense"));
        assert_eq!(count(&table), 1);
        for (key, value) in [
            ("a.three", b"".to_vec()),
            ("a.three", b"{}".to_vec()),
            ("a.three", entry("http://unprotected:1")),
            ("three", entry("https://three:1")),
        ] {
            assert!(!table.put(key, &value, now), "{key}");
        }
        assert_eq!(count(&table), 1);
    }

    #[test]
    fn one_address_is_one_instance_and_a_new_address_takes_the_place_of_the_old() {
        let (mut table, now) = (Table::default(), Instant::now());
        assert!(table.put("a.one", &entry("https://host:1"), now));
        assert!(!table.put("a.one", &entry("https://host:1"), now));
        assert!(table.put("a.two", &entry("https://host:1"), now));
        assert_eq!(count(&table), 1);
        assert!(table.put("a.one", &entry("https://host:2"), now));
        assert_eq!(count(&table), 2);
    }
}
