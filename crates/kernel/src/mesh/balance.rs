//! Which instance a call goes to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;
use sha2::{Digest, Sha256};

use crate::discovery::Instance;
use crate::time::{Clock, Timestamp};

use super::MeshError;
use super::breaker::{Admission, Breaker, Settings, Verdict};
use super::budget::Budget;

/// The least that a refused caller is told to wait.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What is known of the instances of each service.
pub(super) struct Balancer {
    settings: Settings,
    clock: Clock,
    services: Mutex<HashMap<String, Known>>,
}

#[derive(Default)]
struct Known {
    endpoints: HashMap<Arc<str>, Arc<Endpoint>>,
    budget: Budget,
}

struct Endpoint {
    in_flight: AtomicUsize,
    breaker: Mutex<Breaker>,
}

impl Endpoint {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Balancer {
    pub(super) fn new(settings: Settings, clock: Clock) -> Self {
        Self { settings, clock, services: Mutex::default() }
    }

    /// Whether a call to the service may be repeated now.
    pub(super) fn may_retry(&self, service: &str) -> bool {
        self.with(service, |known| known.budget.retry(self.clock.now()))
    }

    /// Chooses among the instances whose breaker lets calls pass, and not `tried` while there is another. A call that has tried
    /// none is counted for the retry budget.
    pub(super) fn pick(
        &self,
        service: &str,
        instances: Vec<Instance>,
        sticky: Option<&str>,
        tried: Option<&Arc<str>>,
    ) -> Result<Permit, MeshError> {
        if instances.is_empty() {
            return Err(MeshError::NoInstance { service: service.to_owned() });
        }
        let now = self.clock.now();
        let mut willing = self.endpoints(service, instances, now, tried.is_none());
        let waits = willing.iter().filter_map(|(_, endpoint)| endpoint.breaker().wait(now)).min();
        if waits.is_some() {
            willing.retain(|(_, endpoint)| endpoint.breaker().wait(now).is_none());
        }
        if let Some(tried) = tried.filter(|_| willing.len() > 1) {
            willing.retain(|(instance, _)| instance.id() != tried);
        }
        while !willing.is_empty() {
            let (instance, endpoint) = willing.swap_remove(choose(&willing, sticky));
            // Between the look above and now another call may have become a half-open breaker's only one.
            let admission = endpoint.breaker().admit(now);
            if let Some(admission) = admission {
                endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
                return Ok(Permit { instance, endpoint, admission, clock: self.clock.clone(), recorded: false });
            }
        }
        let retry_after = waits.unwrap_or_default().max(SHORTEST_WAIT);
        Err(MeshError::BreakerOpen { service: service.to_owned(), retry_after })
    }

    fn endpoints(
        &self,
        service: &str,
        instances: Vec<Instance>,
        now: Timestamp,
        first: bool,
    ) -> Vec<(Instance, Arc<Endpoint>)> {
        self.with(service, |known| {
            if first {
                known.budget.call(now);
            }
            let fresh =
                || Endpoint { in_flight: AtomicUsize::new(0), breaker: Mutex::new(Breaker::new(self.settings)) };
            let found: Vec<_> = instances
                .into_iter()
                .map(|instance| {
                    let endpoint = if let Some(endpoint) = known.endpoints.get(instance.id()) {
                        Arc::clone(endpoint)
                    } else {
                        let endpoint = Arc::new(fresh());
                        known.endpoints.insert(Arc::clone(instance.id()), Arc::clone(&endpoint));
                        endpoint
                    };
                    (instance, endpoint)
                })
                .collect();
            if known.endpoints.len() > found.len() {
                known.endpoints.retain(|id, _| found.iter().any(|(instance, _)| instance.id() == id));
            }
            found
        })
    }

    fn with<T>(&self, service: &str, work: impl FnOnce(&mut Known) -> T) -> T {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        match services.get_mut(service) {
            Some(known) => work(known),
            None => work(services.entry(service.to_owned()).or_default()),
        }
    }
}

fn choose(candidates: &[(Instance, Arc<Endpoint>)], sticky: Option<&str>) -> usize {
    if let Some(key) = sticky {
        let score = |index: &usize| weight(key, candidates[*index].0.id());
        return (0..candidates.len()).max_by_key(score).unwrap_or_default();
    }
    let load = |index: usize| candidates[index].1.in_flight.load(Ordering::Relaxed);
    let (first, second) = two_of(candidates.len());
    if load(second) < load(first) { second } else { first }
}

/// Two different indices below `count`, where there are two.
fn two_of(count: usize) -> (usize, usize) {
    if count < 2 {
        return (0, 0);
    }
    let first = rand::rng().random_range(0..count);
    (first, (first + rand::rng().random_range(1..count)) % count)
}

/// Rendezvous hashing: every caller gives the same weights without knowing the others, and an instance that goes away moves
/// only its own keys.
fn weight(key: &str, id: &str) -> [u8; 32] {
    Sha256::new().chain_update(key).chain_update([0]).chain_update(id).finalize().into()
}

/// A call to an instance that is under way: it counts as the instance's load until it is dropped.
pub(super) struct Permit {
    instance: Instance,
    endpoint: Arc<Endpoint>,
    admission: Admission,
    clock: Clock,
    recorded: bool,
}

impl Permit {
    pub(super) fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Tells the instance's breaker how the call went; only the first verdict counts.
    pub(super) fn record(&mut self, verdict: Verdict) {
        if !self.recorded {
            self.recorded = true;
            self.endpoint.breaker().record(self.admission, verdict, self.clock.now());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.record(Verdict::Nothing);
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;

    fn balancer() -> Balancer {
        Balancer::new((&Config::default().mesh).into(), Clock::manual(Timestamp::from_micros(0)))
    }

    fn instances(count: usize) -> Vec<Instance> {
        (0..count).map(|index| Instance::local(format!("instance-{index}"), Router::new())).collect()
    }

    #[test]
    fn two_of_many_are_different_and_everybody_is_chosen() {
        let mut seen = [false; 5];
        for _ in 0..500 {
            let (first, second) = two_of(5);
            assert_ne!(first, second);
            seen[first] = true;
            seen[second] = true;
        }
        assert_eq!(seen, [true; 5]);
    }

    #[test]
    fn of_two_instances_the_less_busy_one_is_taken() {
        let balancer = balancer();
        let mut held: Vec<Permit> = Vec::new();
        for _ in 0..10 {
            held.push(balancer.pick("a", instances(2), None, None).unwrap());
        }
        let first = held.iter().filter(|permit| &**permit.instance().id() == "instance-0").count();
        assert_eq!(first, 5);
    }

    #[test]
    fn a_retry_goes_to_another_instance_where_there_is_one() {
        let balancer = balancer();
        let tried: Arc<str> = "instance-0".into();
        for _ in 0..20 {
            assert_eq!(&**balancer.pick("a", instances(2), None, Some(&tried)).unwrap().instance().id(), "instance-1");
            assert_eq!(&**balancer.pick("b", instances(1), None, Some(&tried)).unwrap().instance().id(), "instance-0");
        }
    }

    #[test]
    fn an_instance_that_came_back_begins_anew() {
        let balancer = balancer();
        for _ in 0..5 {
            balancer.pick("a", instances(1), None, None).unwrap().record(Verdict::Failure);
        }
        assert!(matches!(balancer.pick("a", instances(1), None, None), Err(MeshError::BreakerOpen { .. })));
        balancer.pick("a", instances(2).split_off(1), None, None).unwrap();
        assert!(balancer.pick("a", instances(1), None, None).is_ok());
    }

    proptest! {
        #[test]
        fn a_key_stays_where_it_is_when_another_instance_goes(key in ".{1,20}", gone in 0_usize..5) {
            let balancer = balancer();
            let pick = |instances| balancer.pick("a", instances, Some(&key), None).unwrap().instance().id().clone();
            let before = pick(instances(5));
            prop_assert_eq!(&before, &pick(instances(5)));
            let mut rest = instances(5);
            rest.remove(gone);
            let after = pick(rest);
            let removed = format!("instance-{gone}");
            prop_assert!(after == before || *before == removed);
        }
    }
}
