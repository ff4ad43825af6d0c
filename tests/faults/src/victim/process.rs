//! What the process around the services does: it reads its configuration as the real program does, starts them, and listens.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use nexus_faults::wire::{FRONT, LISTENER, WRITER, variables};
use nexus_kernel::cache::Cache;
use nexus_kernel::config::{Config, Loaded};
use nexus_kernel::discovery::{Announce, InProcess, NatsDiscovery};
use nexus_kernel::events::{Carrier, LocalCarrier, NatsCarrier};
use nexus_kernel::mesh;
use nexus_kernel::runtime::{Cloud, Environment};
use nexus_kernel::{Clock, Service, telemetry};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The key that a part of a list follows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After<T> {
    pub(super) after: T,
}

/// Runs until it is killed.
pub(crate) async fn run() {
    let config = Loaded::read(None, BTreeMap::new()).expect("the suite sets good values").config;
    let _telemetry = telemetry::install(&config.telemetry).expect("the suite sets a good filter");
    let others = others(&config).await;
    let environment = environment(config, others.clone()).await;
    let cloud = Cloud::start(&environment, services()).await.expect("the servers answer");
    let mut listening = JoinSet::new();
    if let Some(others) = others {
        for service in variable(variables::SERVICES).split(',') {
            let url = serve(&cloud, service, environment.config.mesh.bind, &mut listening).await;
            others.announce(service, &url).await.expect("the address is a good one");
        }
    }
    if let Some(router) = cloud.router(FRONT) {
        let address: SocketAddr = variable(variables::CLIENTS).parse().expect("the suite sets a good address");
        let listener = TcpListener::bind(address).await.expect("the address is this process's own");
        listening.spawn(async move {
            axum::serve(listener, router).await.expect("it listens as long as the process runs");
        });
    }
    listening.join_all().await;
}

/// Where the services of other processes are, if there are others: as for `nexus run`.
async fn others(config: &Config) -> Option<Arc<NatsDiscovery>> {
    let url = config.bus.nats.expose();
    if url.is_empty() {
        return None;
    }
    let installation = mesh::tls::installation(&config.mesh);
    let discovery = NatsDiscovery::connect(url, installation.as_deref(), Clock::system()).await;
    Some(Arc::new(discovery.expect("the bus can be addressed")))
}

/// Lets a service listen for others, at any port; where it is.
async fn serve(cloud: &Cloud, service: &str, bind: IpAddr, listening: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind((bind, 0)).await.expect("the address is this process's own");
    let address = listener.local_addr().expect("it is bound");
    let router = cloud.router(service).expect("the process has its services");
    let context = cloud.context_of(service).expect("it has");
    let identity = Arc::clone(context.mesh.identity().expect("the suite sets mesh.secret"));
    listening.spawn(mesh::serve(listener, router, identity, cloud.shutdown_token()));
    format!("https://{address}")
}

fn services() -> Vec<Service> {
    let names = variable(variables::SERVICES);
    names
        .split(',')
        .map(|name| match name {
            FRONT => super::front::service(),
            LISTENER => super::listener::service(),
            WRITER => super::writer::service(),
            other => panic!("the victim has no service {other}"),
        })
        .collect()
}

async fn environment(config: Config, others: Option<Arc<NatsDiscovery>>) -> Environment {
    let clock = Clock::system();
    let carrier: Arc<dyn Carrier> = match config.bus.nats.expose() {
        "" => Arc::new(LocalCarrier::new()),
        url => Arc::new(NatsCarrier::connect(url).await.expect("the bus can be addressed")),
    };
    let cache = match config.cache.redis.expose() {
        "" => Cache::embedded(clock.clone()),
        url => Cache::redis(url, clock.clone()).await.expect("Redis answers"),
    };
    let discovery = match others {
        Some(others) => InProcess::with_remote(others),
        None => InProcess::new(),
    };
    // Clients' tokens are signed by the key that tests use.
    discovery.register("token-mgr", nexus_testkit::key_publisher());
    Environment { config: Arc::new(config), carrier, cache, clock, discovery: Arc::new(discovery) }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
