//! What `nexus doctor` says about the other processes.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::Clock;
use nexus_kernel::config::{Config, DiscoveryKind, MeshTlsConfig};
use nexus_kernel::discovery::Discovery;
use nexus_kernel::mesh::Mesh;
use nexus_kernel::mesh::tls::Identity;

use crate::compose::{self, GATEWAY};

use super::Finding;

/// How long a service may take to answer.
const LIMIT: Duration = Duration::from_secs(2);

/// Whether the others can be found and spoken to.
pub(super) async fn check(config: &Config) -> Finding {
    if config.mesh.secret.expose().is_empty() && config.mesh.tls == MeshTlsConfig::default() {
        return Ok("one process: no mesh.secret and no mesh.tls".to_owned());
    }
    let identity = identity(config)?;
    let discovery: Arc<dyn Discovery> = match config.mesh.discovery {
        DiscoveryKind::Nats => {
            let discovery = compose::nats_discovery(config).await.map_err(|error| format!("{error:#}"))?;
            discovery.ping().map_err(|error| format!("{error}; check bus.nats and that the server runs"))?;
            Arc::new(discovery)
        }
        DiscoveryKind::Dns => Arc::new(compose::dns_discovery(config).await.map_err(|error| format!("{error:#}"))?),
        DiscoveryKind::Supervisor => return Ok("by the process that starts the others".to_owned()),
    };
    let (mut instances, mut running, mut silent) = (0, Vec::new(), Vec::new());
    for name in compose::names() {
        let found = discovery.instances(name).len();
        if found == 0 {
            continue;
        }
        instances += found;
        running.push(name);
        if let Some(identity) = &identity {
            let (discovery, identity) = (Arc::clone(&discovery), Some(Arc::clone(identity)));
            let mesh = Mesh::new(GATEWAY, discovery, identity, &config.mesh, Clock::system());
            if let Err(error) = mesh.to(name).timeout(LIMIT).get("/health/live").send().await {
                silent.push(format!("{name}: {error}"));
            }
        }
    }
    if !silent.is_empty() {
        return Err(format!(
            "{}; check that all processes have the same mesh.secret, mesh.advertise, and the firewall between them",
            silent.join("; ")
        ));
    }
    let missing: Vec<_> = compose::names().into_iter().filter(|name| !running.contains(name)).collect();
    let missing = if missing.is_empty() { String::new() } else { format!("; not running: {}", missing.join(", ")) };
    Ok(format!("{instances} instances of {} services answer{missing}", running.len()))
}

/// What this machine can show to others; `None` where its files speak for other services than the gateway.
fn identity(config: &Config) -> Result<Option<Arc<Identity>>, String> {
    let of = |name: &str| Identity::configured(name, &config.mesh, Clock::system());
    match of(GATEWAY) {
        Ok(identity) => Ok(identity.map(Arc::new)),
        Err(error) if compose::names().into_iter().all(|name| of(name).is_err()) => Err(error.to_string()),
        Err(_) => Ok(None),
    }
}
