//! Finds instances by the names of their services: a Kubernetes Service without a cluster address has the address of every
//! ready pod under its name, one with a cluster address has only that.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Announce, AnnounceError, Discovery, Instance};

/// How old an answer may become.
const REFRESH: Duration = Duration::from_secs(2);
/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long others may still go by an old answer: their own age, and that of the name servers between (`CoreDNS`: 5 s).
const SETTLED: Duration = Duration::from_secs(7);

/// Services at the addresses of their names.
pub struct DnsDiscovery {
    view: Arc<RwLock<HashMap<String, Vec<Instance>>>>,
    suffix: String,
    /// It ends with this.
    _refresh: JoinSet<()>,
}

impl DnsDiscovery {
    /// Asks for each service at its name followed by the suffix, now and every few seconds. Each listens on the port given.
    pub async fn start(suffix: &str, services: Vec<(String, u16)>) -> Self {
        let view = Arc::<RwLock<HashMap<_, _>>>::default();
        let names: Vec<_> =
            services.into_iter().map(|(service, port)| (format!("{service}{suffix}"), service, port)).collect();
        refresh(&names, &view).await;
        let mut tasks = JoinSet::new();
        let refreshed = Arc::clone(&view);
        tasks.spawn(async move {
            loop {
                sleep(REFRESH).await;
                refresh(&names, &refreshed).await;
            }
        });
        Self { view, suffix: suffix.to_owned(), _refresh: tasks }
    }
}

async fn refresh(names: &[(String, String, u16)], view: &RwLock<HashMap<String, Vec<Instance>>>) {
    let asked = names.iter().map(|(host, service, port)| async move { (service, resolve(host, *port).await) });
    for (service, found) in join_all(asked).await {
        // A name that can't be resolved now says nothing about its instances; the breakers take out those that are gone.
        if let Some(found) = found {
            view.write().unwrap_or_else(PoisonError::into_inner).insert(service.clone(), found);
        }
    }
}

async fn resolve(host: &str, port: u16) -> Option<Vec<Instance>> {
    let mut addresses: Vec<SocketAddr> = timeout(PATIENCE, lookup_host((host, port))).await.ok()?.ok()?.collect();
    addresses.sort_unstable();
    addresses.dedup();
    Some(addresses.iter().filter_map(|address| Instance::http(&format!("https://{address}")).ok()).collect())
}

impl fmt::Debug for DnsDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsDiscovery").field("suffix", &self.suffix).finish_non_exhaustive()
    }
}

impl Discovery for DnsDiscovery {
    fn instances(&self, service: &str) -> Vec<Instance> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).get(service).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Announce for DnsDiscovery {
    /// Whoever keeps the names sees by itself that an instance is ready.
    async fn announce(&self, _service: &str, _url: &str) -> Result<(), AnnounceError> {
        Ok(())
    }

    /// Whoever stops the process has taken it out of the names; this waits until others have noticed.
    async fn withdraw(&self) {
        sleep(SETTLED).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_resolves_has_instances_and_another_has_none() {
        let services = vec![("localhost".to_owned(), 3_001), ("no-such-host".to_owned(), 3_002)];
        let found = DnsDiscovery::start("", services.clone()).await;
        let instances = found.instances("localhost");
        assert!(instances.iter().any(|instance| &**instance.id() == "https://127.0.0.1:3001"), "{instances:?}");
        assert!(found.instances("no-such-host").is_empty() && found.instances("other").is_empty());
        let suffixed = DnsDiscovery::start(".invalid", services).await;
        assert!(suffixed.instances("localhost").is_empty());
    }
}
