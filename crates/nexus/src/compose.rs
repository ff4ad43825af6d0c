//! Which services this build has, and what they run on.

use std::sync::Arc;

use anyhow::Context;
use nexus_kernel::cache::Cache;
use nexus_kernel::config::Config;
use nexus_kernel::discovery::InProcess;
use nexus_kernel::events::{Carrier, LocalCarrier};
use nexus_kernel::runtime::Environment;
use nexus_kernel::{Clock, Service};

use crate::assets::Console;

/// How a service's definition is made.
type Definition = fn() -> Service;

/// The services that do their real job. One that does not is not here, so that it cannot be mistaken for one that works.
const SERVICES: [Definition; 9] = [
    || backend_api::service(Arc::new(Console)),
    user_auth::service,
    auth_service::service,
    session_mgr::service,
    token_mgr::service,
    puabo_dsp_upload_mgr::service,
    content_management::service,
    streamcore::service,
    streaming_service_v2::service,
];

/// Every service of this build.
pub(crate) fn services() -> Vec<Service> {
    SERVICES.iter().map(|definition| definition()).collect()
}

/// Their names.
pub(crate) fn names() -> Vec<&'static str> {
    services().iter().map(Service::name).collect()
}

/// What the services run on, as configured.
pub(crate) async fn environment(config: Config) -> anyhow::Result<Environment> {
    let clock = Clock::system();
    Ok(Environment {
        carrier: carrier(&config).await?,
        cache: cache(&config, &clock).await?,
        config: Arc::new(config),
        clock,
        discovery: Arc::new(InProcess::new()),
    })
}

/// What carries events.
pub(crate) async fn carrier(config: &Config) -> anyhow::Result<Arc<dyn Carrier>> {
    match config.bus.nats.expose() {
        "" => Ok(Arc::new(LocalCarrier::new())),
        url => Ok(Arc::new(nexus_kernel::events::NatsCarrier::connect(url).await.context("bus.nats")?)),
    }
}

async fn cache(config: &Config, clock: &Clock) -> anyhow::Result<Cache> {
    match config.cache.redis.expose() {
        "" => Ok(Cache::embedded(clock.clone())),
        url => Cache::redis(url, clock.clone()).await.context("cache.redis"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::Value;

    use super::*;

    #[test]
    fn one_name_of_a_schema_means_one_thing_in_all_services() {
        let mut known: HashMap<String, (&str, Value)> = HashMap::new();
        for service in services() {
            let document = serde_json::to_value(service.document()).unwrap();
            let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
            for (name, schema) in schemas {
                let (owner, first) = known.entry(name.clone()).or_insert((service.name(), schema.clone()));
                assert_eq!(*first, schema, "{name} of {owner} and of {}", service.name());
            }
        }
        assert!(known.len() > 10, "{:?}", known.keys());
    }
}
