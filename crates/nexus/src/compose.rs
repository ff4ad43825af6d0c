//! Which services this build has, and what they run on.

use std::sync::Arc;

use anyhow::{Context, bail};
use nexus_kernel::cache::Cache;
use nexus_kernel::config::{Config, DiscoveryKind, Ports};
use nexus_kernel::discovery::{Announce, Discovery, DnsDiscovery, InProcess, NatsDiscovery};
use nexus_kernel::events::{Carrier, LocalCarrier};
use nexus_kernel::mesh::tls;
use nexus_kernel::registry::Registry;
use nexus_kernel::runtime::Environment;
use nexus_kernel::{Clock, Service};

use crate::assets::Console;
use crate::supervisor::client::Supervisor;

/// The service that clients speak to.
pub(crate) const GATEWAY: &str = "backend-api";
/// How far from its declared port the gateway listens to other services.
const GATEWAY_OFFSET: u16 = 1_000;

/// How a service's definition is made.
type Definition = fn() -> Service;

/// The services that do their real job. One that does not is not here, so that it cannot be mistaken for one that works.
const SERVICES: [Definition; 11] = [
    || backend_api::service(Arc::new(Console)),
    user_auth::service,
    auth_service::service,
    auth_service_v2::service,
    session_mgr::service,
    token_mgr::service,
    key_service::service,
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

/// The same for a process that is one of many: what is not in it is found elsewhere, and it tells the others of itself.
pub(crate) async fn distributed(config: Config) -> anyhow::Result<(Environment, Others)> {
    let (remote, others) = discovery(&config).await?;
    let environment = environment(config).await?;
    let discovery = Arc::new(InProcess::with_remote(remote).of_installation(names()));
    let carrier = match &others.supervisor {
        Some(supervisor) if environment.config.bus.nats.expose().is_empty() => Arc::clone(supervisor) as _,
        _ => Arc::clone(&environment.carrier),
    };
    Ok((Environment { discovery, carrier, ..environment }, others))
}

/// How a process that is one of many is known to the others.
pub(crate) struct Others {
    /// Tells them of it.
    pub(crate) announce: Arc<dyn Announce>,
    /// Who looks after it, where somebody does.
    pub(crate) supervisor: Option<Arc<Supervisor>>,
}

async fn discovery(config: &Config) -> anyhow::Result<(Arc<dyn Discovery>, Others)> {
    let (discovery, announce): (Arc<dyn Discovery>, Arc<dyn Announce>) = match config.mesh.discovery {
        DiscoveryKind::Nats => {
            let discovery = Arc::new(nats_discovery(config).await?);
            (Arc::clone(&discovery) as _, discovery)
        }
        DiscoveryKind::Dns => {
            let discovery = Arc::new(dns_discovery(config).await?);
            (Arc::clone(&discovery) as _, discovery)
        }
        DiscoveryKind::Supervisor => {
            let supervisor = Arc::new(Supervisor::join().await?);
            let announce = Arc::clone(&supervisor) as _;
            return Ok((Arc::clone(&supervisor) as _, Others { announce, supervisor: Some(supervisor) }));
        }
    };
    Ok((discovery, Others { announce, supervisor: None }))
}

/// Discovery by NATS, as configured.
pub(crate) async fn nats_discovery(config: &Config) -> anyhow::Result<NatsDiscovery> {
    let url = config.bus.nats.expose();
    if url.is_empty() {
        bail!("mesh.discovery = \"nats\" needs bus.nats, the address of a NATS server with JetStream");
    }
    let installation = tls::installation(&config.mesh);
    Ok(NatsDiscovery::connect(url, installation.as_deref(), Clock::system()).await?)
}

/// Discovery by names, as configured.
pub(crate) async fn dns_discovery(config: &Config) -> anyhow::Result<DnsDiscovery> {
    if config.mesh.ports != Ports::Declared {
        bail!("names have no ports: mesh.discovery = \"dns\" needs mesh.ports = \"declared\"");
    }
    let services = names().into_iter().map(|name| (name.to_owned(), mesh_port(name))).collect();
    Ok(DnsDiscovery::start(&config.mesh.dns_suffix, services).await)
}

/// The port on which other processes call a service; the gateway's declared one is for clients.
pub(crate) fn mesh_port(service: &str) -> u16 {
    let declared = Registry::built_in().service(service).map_or(0, |entry| entry.port);
    if service == GATEWAY { declared + GATEWAY_OFFSET } else { declared }
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
