//! How many processes each service is to have, as configured.

use std::collections::BTreeMap;

use anyhow::bail;
use nexus_kernel::config::{Config, ScaleConfig};

use super::scaling::Bounds;
use crate::compose::GATEWAY;

/// More instances of one service than this are a mistake on one machine.
const MOST: usize = 64;

/// One service's share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// How many instances it has at start.
    pub(crate) instances: usize,
    /// Between how many it is scaled.
    pub(crate) bounds: Bounds,
}

impl Share {
    fn of(scale: ScaleConfig) -> Self {
        let or_instances = |number: usize| if number == 0 { scale.instances } else { number };
        let min = or_instances(scale.min).max(1);
        let bounds = Bounds { min, max: or_instances(scale.max).max(min) };
        Self { instances: scale.instances.clamp(bounds.min, bounds.max), bounds }
    }

    /// Whether the load decides.
    pub(crate) fn follows_the_load(self) -> bool {
        self.bounds.max > self.bounds.min
    }
}

/// How many processes each service is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    shares: BTreeMap<String, Share>,
    /// Whether several instances of a service can work on the same state.
    shared_state: bool,
}

impl Plan {
    /// The plan for these services; an error says what they can't have.
    pub(crate) fn of(config: &Config, services: &[&str]) -> anyhow::Result<Self> {
        let share = |service: &&str| {
            let scale = config.scale.get(*service).copied().unwrap_or_default();
            ((*service).to_owned(), Share::of(scale))
        };
        let shared_state = !config.store.postgres.expose().is_empty();
        let plan = Self { shares: services.iter().map(share).collect(), shared_state };
        for (service, share) in &plan.shares {
            if let Err(reason) = plan.allows(service, share.bounds.max) {
                bail!("scale.{service}: {reason}");
            }
        }
        Ok(plan)
    }

    /// Whether a service may have so many instances, or why not.
    pub(crate) fn allows(&self, service: &str, instances: usize) -> Result<(), String> {
        match instances {
            _ if !self.shares.contains_key(service) => {
                Err(format!("this build has no service `{service}`; `nexus services` lists those that it has"))
            }
            0 => Err(format!("a service has at least one instance; the system needs {service}")),
            1 => Ok(()),
            _ if !self.shared_state => Err(format!(
                "{service} keeps its state in a SQLite file, which one process at a time writes to: more than one instance \
                 needs PostgreSQL (set store.postgres)"
            )),
            more if more > MOST => Err(format!("{more} instances of {service} are more than {MOST}")),
            _ => Ok(()),
        }
    }

    /// What is worth knowing about this plan.
    pub(crate) fn warning(&self, config: &Config) -> Option<String> {
        let several = self.shares.iter().filter(|(_, share)| share.bounds.max > 1);
        let several: Vec<_> = several.map(|(service, _)| service.as_str()).collect();
        let apart = !several.is_empty() && config.cache.redis.expose().is_empty();
        apart.then(|| {
            format!(
                "without Redis (cache.redis) each instance of {} counts and remembers on its own: rate limits are multiplied, \
                 and a link or code that one has given out is not known to another",
                several.join(", ")
            )
        })
    }

    /// One service's share.
    pub(crate) fn share(&self, service: &str) -> Share {
        self.shares.get(service).copied().unwrap_or(Share::of(ScaleConfig::default()))
    }

    /// How many instances each has at start, the gateway last.
    pub(crate) fn at_start(&self) -> Vec<(String, usize)> {
        let mut services: Vec<_> =
            self.shares.iter().map(|(service, share)| (service.clone(), share.instances)).collect();
        services.sort_by_key(|(service, _)| service == GATEWAY);
        services
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::config::Secret;

    use super::*;

    const SERVICES: [&str; 3] = [GATEWAY, "streamcore", "user-auth"];

    fn config(instances: usize, min: usize, max: usize, postgres: &str) -> Config {
        let mut config = Config::default();
        config.scale.insert("streamcore".to_owned(), ScaleConfig { instances, min, max });
        config.store.postgres = Secret::from(postgres);
        config
    }

    #[test]
    fn more_than_one_instance_on_sqlite_is_refused_with_the_way_out() {
        for (instances, max) in [(2, 0), (1, 3)] {
            let error = Plan::of(&config(instances, 0, max, ""), &SERVICES).unwrap_err().to_string();
            assert!(error.starts_with("scale.streamcore: ") && error.contains("set store.postgres"), "{error}");
        }
        let plan = Plan::of(&config(1, 0, 0, ""), &SERVICES).unwrap();
        assert!(plan.allows("streamcore", 2).is_err() && plan.allows("streamcore", 1).is_ok());
        assert!(plan.allows("streamcore", 0).is_err() && plan.allows("nobody", 1).is_err());
    }

    #[test]
    fn instances_that_share_no_cache_are_warned_of() {
        let mut config = config(2, 0, 0, "postgres://db");
        let warning = |config: &Config| Plan::of(config, &SERVICES).unwrap().warning(config);
        assert!(warning(&config).is_some_and(|text| text.contains("each instance of streamcore counts")));
        config.cache.redis = Secret::from("redis://cache");
        assert_eq!(warning(&config), None);
    }

    #[test]
    fn a_service_starts_within_its_bounds_and_the_gateway_comes_last() {
        for (scale, expected) in
            [((2, 0, 0), (2, 2, 2)), ((1, 2, 4), (2, 2, 4)), ((3, 1, 0), (3, 1, 3)), ((0, 0, 0), (1, 1, 1))]
        {
            let plan = Plan::of(&config(scale.0, scale.1, scale.2, "postgres://db"), &SERVICES).unwrap();
            let share = plan.share("streamcore");
            assert_eq!((share.instances, share.bounds.min, share.bounds.max), expected, "{scale:?}");
            assert_eq!(plan.at_start().last().unwrap().0, GATEWAY);
        }
    }
}
