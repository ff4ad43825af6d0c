//! Where the gateway counts what an address or a person asks for: in Redis, which all gateways share, or in this process alone,
//! where a count costs less than a microsecond.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use nexus_kernel::cache::CacheError;
use nexus_kernel::limit::{Decision, Quota, gcra};
use nexus_kernel::{Context, Timestamp, UserId};

/// Whose requests are counted, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// All of an address.
    Address(IpAddr),
    /// Those of an address that try to sign somebody in.
    SignIn(IpAddr),
    /// All of a person.
    User(UserId),
}

impl Counted {
    /// The name under which the gateways share the count.
    fn key(&self) -> String {
        match self {
            Self::Address(network) => format!("gateway:address:{network}"),
            Self::SignIn(network) => format!("gateway:sign-in:{network}"),
            Self::User(user) => format!("gateway:user:{user}"),
        }
    }
}

/// The counts.
pub(crate) enum Limits {
    Here(Here),
    Shared,
}

/// Locks that neighbours do not share.
const SHARDS: usize = 64;
/// The most that one shard remembers. Then whoever has a whole allowance again is forgotten, which changes nothing; when that is
/// nobody, all are.
const KEPT: usize = 8_192;

/// Counts in this process: for each, when its allowance is whole again.
pub(crate) struct Here {
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<Counted, Timestamp>>>,
}

impl Limits {
    pub(crate) fn new(context: &Context) -> Self {
        if context.config.cache.redis.expose().is_empty() { Self::Here(Here::new()) } else { Self::Shared }
    }

    /// Counts one request and decides on it.
    pub(crate) async fn count(
        &self,
        context: &Context,
        counted: Counted,
        quota: Quota,
    ) -> Result<Decision, CacheError> {
        match self {
            Self::Here(here) => Ok(here.count(counted, context.clock.now(), &quota)),
            // In a box, as most gateways have no use for the room that it takes.
            Self::Shared => Box::pin(context.cache.limit(&counted.key(), quota)).await,
        }
    }
}

impl Here {
    fn new() -> Self {
        Self { hasher: RandomState::new(), shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect() }
    }

    fn count(&self, counted: Counted, now: Timestamp, quota: &Quota) -> Decision {
        #[expect(clippy::cast_possible_truncation, reason = "any bits choose a shard")]
        let shard = self.hasher.hash_one(counted) as usize % SHARDS;
        let mut whole_at = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = whole_at.get_mut(&counted) {
            let (decision, after) = gcra(Some(*known), now, quota);
            *known = after;
            return decision;
        }
        if whole_at.len() >= KEPT {
            whole_at.retain(|_, at| *at > now);
            if whole_at.len() >= KEPT {
                whole_at.clear();
            }
        }
        let (decision, after) = gcra(None, now, quota);
        whole_at.insert(counted, after);
        decision
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    fn address(number: u32) -> Counted {
        Counted::Address(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    #[test]
    fn each_has_a_count_of_its_own() {
        let (here, now) = (Here::new(), Timestamp::from_micros(1_700_000_000_000_000));
        let quota = Quota::per_second(1.0, 1);
        assert!(here.count(address(1), now, &quota).allowed);
        assert!(!here.count(address(1), now, &quota).allowed);
        assert!(here.count(address(2), now, &quota).allowed);
        let IpAddr::V4(same) = IpAddr::V4(Ipv4Addr::from_bits(1)) else { unreachable!() };
        assert!(here.count(Counted::SignIn(IpAddr::V4(same)), now, &quota).allowed);
        assert!(here.count(address(1), now.plus(Duration::from_secs(1)), &quota).allowed);
    }

    #[test]
    fn however_many_addresses_there_are_the_memory_for_them_is_bounded() {
        let (here, now) = (Here::new(), Timestamp::from_micros(1_700_000_000_000_000));
        let quota = Quota::per_second(1.0, 10);
        for number in 0..1_000_000 {
            here.count(address(number), now, &quota);
        }
        let kept: usize = here.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * KEPT, "{kept}");
    }
}
