//! `nexus run`: some of the services in this process, the others wherever they are.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use nexus_kernel::config::{Config, DiscoveryKind, MeshConfig, MeshTlsConfig, Ports};
use nexus_kernel::discovery::Announce;
use nexus_kernel::mesh;
use nexus_kernel::runtime::{Cloud, Environment};
use nexus_kernel::{Service, telemetry};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::compose::{self, GATEWAY};
use crate::folder::DataFolder;
use crate::watch::{Here, Watch};

use super::serve::{ACCOUNTS, ANSWER, Stop, invitation, listen, setup_link};

/// How long to wait before a service is asked again that was not there.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Where a packet to another machine would go, when nothing tells which machine; none is sent.
const ELSEWHERE: &str = "192.0.2.1:9";

/// Runs the named services in this process.
pub(super) fn run(config: Config, names: &[String]) -> anyhow::Result<ExitCode> {
    let known = compose::names();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("this build has no service `{unknown}`; `nexus services` lists those that it has");
    }
    let alone = config.mesh.secret.expose().is_empty() && config.mesh.tls == MeshTlsConfig::default();
    if alone && !names.iter().any(|name| name == GATEWAY) {
        bail!(
            "nothing could reach the services of this process: add {GATEWAY}, or set mesh.secret to the same in all processes \
             (make it with `openssl rand -hex 32`)"
        );
    }
    let _telemetry = telemetry::install(&config.telemetry)?;
    let chosen = compose::services().into_iter().filter(|service| names.iter().any(|name| name == service.name()));
    super::runtime()?.block_on(serve(config, chosen.collect(), alone))
}

async fn serve(mut config: Config, services: Vec<Service>, alone: bool) -> anyhow::Result<ExitCode> {
    let names: Vec<_> = services.iter().map(Service::name).collect();
    let supervised = !alone && config.mesh.discovery == DiscoveryKind::Supervisor;
    // While one process takes over from another both are there; the supervisor keeps all other processes away.
    let _folder = DataFolder::share(&config, if supervised { &[] } else { &names })?;
    let mut stop = Stop::listen()?;
    let front = if names.contains(&GATEWAY) { Some(listen(&mut config).await?.0) } else { None };
    let (environment, others) = if alone {
        (compose::environment(config).await?, None)
    } else {
        let doors = Doors::open(&config.mesh, config.bus.nats.expose(), &names).await?;
        let (environment, others) = compose::distributed(config).await?;
        (environment, Some((doors, others)))
    };
    let cloud = Cloud::start(&environment, services).await?;
    if let Some(supervisor) = others.as_ref().and_then(|(_, others)| others.supervisor.as_ref()) {
        let metrics = names.iter().filter_map(|name| cloud.context_of(name)).map(|context| context.metrics.clone());
        supervisor.watch(metrics.collect());
    }
    // The supervisor speaks for all of its processes.
    let watched_at = environment.config.telemetry.listen.filter(|_| !supervised);
    let _watch = Watch::open(watched_at, Here::new(&cloud, &names)).await?;

    let closing = CancellationToken::new();
    let mut servers = JoinSet::new();
    if let (Some(listeners), Some(gateway)) = (front, cloud.context_of(GATEWAY)) {
        let listening = backend_api::Listening::open(listeners, gateway)?;
        servers.spawn(backend_api::serve(listening, closing.clone()));
    }
    let (addresses, announce) = match others {
        Some((doors, others)) => (doors.serve(&cloud, &closing, &mut servers)?, Some(others.announce)),
        None => (Vec::new(), None),
    };
    let outcome = tokio::select! {
        outcome = async {
            greet(&cloud, &environment, &names, &addresses, announce.as_ref()).await?;
            if !supervised && (names.contains(&ACCOUNTS) || announce.is_some()) {
                invite(&cloud, &environment.config).await?;
            }
            std::future::pending().await
        } => outcome,
        () = stop.asked() => Ok(()),
    };

    tracing::info!("stopping: running requests and jobs may end; a second signal stops at once");
    let end = async {
        // Nobody should begin to call what is about to go.
        if let Some(announce) = &announce {
            announce.withdraw().await;
        }
        // Requests first: jobs and stores serve them until the last one has its reply.
        closing.cancel();
        while let Some(ended) = servers.join_next().await {
            ended.context("a server's task")?;
        }
        cloud.shutdown().await;
        Ok::<_, anyhow::Error>(())
    };
    tokio::select! {
        ended = end => ended?,
        () = stop.asked() => bail!("stopped before running work had ended"),
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Tells the other processes of each service that answers, then whoever watches this one.
async fn greet(
    cloud: &Cloud,
    environment: &Environment,
    names: &[&'static str],
    addresses: &[(&'static str, String)],
    announce: Option<&Arc<dyn Announce>>,
) -> anyhow::Result<()> {
    for name in names {
        let context = cloud.context_of(name).context("every service has a context")?;
        let call = context.mesh.to(name).timeout(ANSWER).get("/health/live").send();
        call.await.with_context(|| format!("{name} was started and does not answer"))?;
    }
    for (name, url) in addresses {
        if let Some(announce) = announce {
            announce.announce(name, url).await?;
        }
    }
    let mut text = String::new();
    if names.contains(&GATEWAY) {
        writeln!(text, "Nexus COS is running at {}", environment.config.public_url)?;
    }
    if !addresses.is_empty() {
        let list: Vec<_> = addresses.iter().map(|(name, url)| format!("{name} at {url}")).collect();
        writeln!(text, "Ready for other processes: {}", list.join(", "))?;
    }
    super::print(&text).map(drop)
}

/// Tells how to make the first account, as soon as the service answers that keeps accounts.
async fn invite(cloud: &Cloud, config: &Config) -> anyhow::Result<()> {
    loop {
        match setup_link(cloud).await {
            Ok(Some(token)) => return super::print(&invitation(config, &token)).map(drop),
            Ok(None) => return Ok(()),
            Err(error) => tracing::debug!(error = format!("{error:#}"), "no set-up link yet"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// The ports on which other processes call this one's services.
struct Doors(Vec<(&'static str, TcpListener, String)>);

impl Doors {
    async fn open(config: &MeshConfig, nats: &str, names: &[&'static str]) -> anyhow::Result<Self> {
        let host = advertised(config, nats).await?;
        let mut doors = Vec::new();
        for name in names {
            let port = match config.ports {
                Ports::Declared => compose::mesh_port(name),
                Ports::Any => 0,
            };
            let address = SocketAddr::new(config.bind, port);
            let listener = TcpListener::bind(address).await.with_context(|| {
                format!("listening on {address} for {name}; stop what listens there, or set mesh.bind or mesh.ports = \"any\"")
            })?;
            let port = listener.local_addr().context("the address that was given")?.port();
            doors.push((*name, listener, format!("https://{host}:{port}")));
        }
        Ok(Self(doors))
    }

    /// Opens the doors; where each is.
    fn serve(
        self,
        cloud: &Cloud,
        closing: &CancellationToken,
        servers: &mut JoinSet<()>,
    ) -> anyhow::Result<Vec<(&'static str, String)>> {
        let mut addresses = Vec::new();
        for (name, listener, url) in self.0 {
            let context = cloud.context_of(name).context("every service has a context")?;
            let identity = context.mesh.identity().context("mesh.secret or mesh.tls is set")?;
            let router = cloud.router(name).context("every service has a router")?;
            servers.spawn(mesh::serve(listener, router, Arc::clone(identity), closing.clone()));
            addresses.push((name, url));
        }
        Ok(addresses)
    }
}

/// How others reach this process: as configured, at the address that it listens on, or at that from which it would speak to
/// the NATS server.
async fn advertised(config: &MeshConfig, nats: &str) -> anyhow::Result<String> {
    if !config.advertise.is_empty() {
        return Ok(config.advertise.clone());
    }
    let address = if config.bind.is_unspecified() { own_address(config.bind, nats).await? } else { config.bind };
    Ok(match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    })
}

async fn own_address(bind: IpAddr, nats: &str) -> anyhow::Result<IpAddr> {
    let uri = nats.parse::<http::Uri>().ok();
    let server = uri.as_ref().and_then(|uri| Some((uri.host()?.to_owned(), uri.port_u16().unwrap_or(4_222))));
    let found = async {
        let socket = UdpSocket::bind(SocketAddr::new(bind, 0)).await?;
        match server {
            Some((host, port)) => socket.connect((host.as_str(), port)).await?,
            None => socket.connect(ELSEWHERE).await?,
        }
        Ok::<_, std::io::Error>(socket.local_addr()?.ip())
    };
    found.await.context("finding out this machine's address; set mesh.advertise to the one under which others reach it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(bind: &str, advertise: &str) -> MeshConfig {
        MeshConfig { bind: bind.parse().unwrap(), advertise: advertise.to_owned(), ..Config::default().mesh }
    }

    #[tokio::test]
    async fn a_process_tells_others_the_address_that_it_was_given_or_the_one_it_speaks_from() {
        for (bind, advertise, expected) in [
            ("0.0.0.0", "node-1.internal", "node-1.internal"),
            ("10.0.0.7", "", "10.0.0.7"),
            ("::1", "", "[::1]"),
            ("0.0.0.0", "", "127.0.0.1"),
        ] {
            let host = advertised(&config(bind, advertise), "nats://user:password@127.0.0.1:4222").await.unwrap();
            assert_eq!(host, expected);
        }
    }
}
