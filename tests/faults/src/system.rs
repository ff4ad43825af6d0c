//! The system under test: the servers, and the processes on them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tempfile::TempDir;
use tokio::time::Instant;
use uuid::Uuid;

use crate::clock::FakeClock;
use crate::disk::Disk;
use crate::load::Load;
use crate::network::{Network, Site};
use crate::process::Process;
use crate::program::Program;
use crate::servers::{Nats, Place, Primary, Redis, Role, free_port};
use crate::wire::{FRONT, LISTENER, WRITER, variables};

/// What the system stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL, NATS and Redis.
    Servers,
    /// The same, with a standby that PostgreSQL's commits wait for.
    Standby,
    /// The same as the first, with PostgreSQL's data on a small disk.
    SmallDisk,
    /// The same as the first, each process in a network of its own.
    Network,
    /// One process and its SQLite files, on a small disk.
    Embedded,
}

impl Kind {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Servers => "Four processes on PostgreSQL, NATS and Redis",
            Self::Standby => "Four processes on PostgreSQL with a synchronous standby, NATS and Redis",
            Self::SmallDisk => "Four processes on PostgreSQL with a small disk, NATS and Redis",
            Self::Network => "Four processes on PostgreSQL, NATS and Redis, each in a network of its own",
            Self::Embedded => "One process on SQLite",
        }
    }
}

/// Size of the small disk, in MiB.
const SMALL: usize = 160;

/// What the processes stand on.
#[derive(Debug)]
pub struct Servers {
    /// PostgreSQL.
    pub postgres: Primary,
    /// NATS.
    pub nats: Nats,
    /// Redis.
    pub redis: Redis,
}

/// A process of the system.
#[derive(Debug)]
pub struct Member {
    /// The process.
    pub process: Process,
    /// Its clock; the error says why it is the machine's.
    pub clock: Result<FakeClock, String>,
    /// Its place in the system's own network.
    pub site: Option<Site>,
    services: &'static [&'static str],
}

/// The system. Processes end before their servers, and folders last.
#[derive(Debug)]
pub struct System {
    /// Its clients.
    pub load: Load,
    /// Its processes.
    pub members: Vec<Member>,
    /// Its servers; none where it is embedded.
    pub servers: Option<Servers>,
    /// Its network; the error says why it is the machine's.
    pub network: Result<Network, String>,
    /// Its disk; the error says why it is the machine's.
    pub disk: Result<Disk, String>,
    folder: Option<TempDir>,
}

/// A process before it runs.
struct Plan {
    name: &'static str,
    services: &'static [&'static str],
    site: Option<Site>,
    /// Where its front listens for clients.
    clients: Option<String>,
}

const FOUR: [(&str, &[&str]); 4] = [
    ("front-1", &[FRONT, LISTENER]),
    ("front-2", &[FRONT, LISTENER]),
    ("writer-1", &[WRITER]),
    ("writer-2", &[WRITER]),
];
const ONE: [(&str, &[&str]); 1] = [("all", &[FRONT, WRITER, LISTENER])];

impl System {
    /// Starts everything and waits until the first write has its effect. `victim` is this crate's program.
    pub async fn start(kind: Kind, victim: &Path) -> Self {
        let folder = tempfile::tempdir().expect("the system's temporary folder can be written");
        open_to_all(folder.path());
        let network = match kind {
            Kind::Network => Network::new().await,
            _ => Err("the processes of this system share the machine's network".to_owned()),
        };
        let disk = match kind {
            Kind::SmallDisk | Kind::Embedded => Disk::mount(&folder.path().join("disk"), SMALL).await,
            _ => Err("the data of this system is on the machine's disk".to_owned()),
        };
        let servers = match kind {
            Kind::Embedded => None,
            _ => Some(Servers::start(kind, folder.path(), network.as_ref().ok(), disk.as_ref().ok()).await),
        };
        let processes: &[_] = if kind == Kind::Embedded { &ONE } else { &FOUR };
        let mut plans = Vec::new();
        for (name, services) in processes {
            plans.push(Plan::new(name, services, network.as_ref().ok()).await);
        }
        let common = common(servers.as_ref());
        let fronts = plans.iter().filter_map(|plan| plan.clients.clone()).collect();
        let home = disk.as_ref().map_or(folder.path(), Disk::folder);
        let members = plans.into_iter().map(|plan| plan.start(victim, folder.path(), home, &common)).collect();
        let system = Self { load: Load::new(fronts), members, servers, network, disk, folder: Some(folder) };
        system.load.recovery(Instant::now()).await;
        system
    }

    /// Any process.
    pub fn any(&self, chance: &mut StdRng) -> &Member {
        &self.members[chance.random_range(0..self.members.len())]
    }

    /// Any process that has this service.
    pub fn any_of(&self, service: &str, chance: &mut StdRng) -> &Member {
        let those: Vec<_> = self.members.iter().filter(|member| member.services.contains(&service)).collect();
        those[chance.random_range(0..those.len())]
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.members.clear();
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            // The logs tell why.
            let folder = folder.keep();
            eprintln!("the logs are in {}", folder.display());
        }
    }
}

/// PostgreSQL's user must find its data in the suite's folder.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("the folder is the suite's own");
}

impl Servers {
    async fn start(kind: Kind, folder: &Path, network: Option<&Network>, disk: Option<&Disk>) -> Self {
        let place = Place {
            folder: folder.to_owned(),
            address: network.map_or("127.0.0.1", Network::address).to_owned(),
            namespace: network.map(|network| network.middle().to_owned()),
        };
        let data = disk.map_or(folder, Disk::folder).join("postgres");
        let role = if kind == Kind::Standby { Role::OneOfTwo } else { Role::Alone };
        Self {
            postgres: Primary::start(&place, &data, role).await,
            nats: Nats::start(&place).await,
            redis: Redis::start(&place).await,
        }
    }
}

impl Plan {
    async fn new(name: &'static str, services: &'static [&'static str], network: Option<&Network>) -> Self {
        let site = match network {
            Some(network) => Some(network.site().await),
            None => None,
        };
        let host = host(site.as_ref());
        let clients = if services.contains(&FRONT) { Some(format!("{host}:{}", free_port().await)) } else { None };
        Self { name, services, site, clients }
    }

    /// Starts it; its log is in `logs`, its data in `home`.
    fn start(self, victim: &Path, logs: &Path, home: &Path, common: &[(&'static str, String)]) -> Member {
        let mut program = Program::new(victim)
            .within(self.site.as_ref().map(|site| site.namespace.as_str()))
            .variable("NEXUS_DATA", home.join(self.name))
            .variable(variables::SERVICES, self.services.join(","))
            .variable("NEXUS_MESH__BIND", host(self.site.as_ref()))
            .variable(variables::CLIENTS, self.clients.unwrap_or_default());
        for (name, value) in common {
            program = program.variable(name, value);
        }
        let clock = FakeClock::new(logs.join(format!("{}.clock", self.name)));
        if let Ok(clock) = &clock {
            program = clock.worn_by(program);
        }
        let log: PathBuf = logs.join(format!("{}.log", self.name));
        Member { process: Process::keep(self.name, program, log), clock, site: self.site, services: self.services }
    }
}

fn host(site: Option<&Site>) -> &str {
    site.map_or("127.0.0.1", |site| site.address.as_str())
}

/// What all processes are told.
fn common(servers: Option<&Servers>) -> Vec<(&'static str, String)> {
    let mut common = vec![
        ("NEXUS_MESH__SECRET", format!("a secret of {}", Uuid::now_v7())),
        ("NEXUS_MESH__TIMEOUT_SECONDS", "5".to_owned()),
        ("NEXUS_STORE__POOL", "6".to_owned()),
        ("NEXUS_TELEMETRY__FILTER", "info".to_owned()),
    ];
    if let Some(servers) = servers {
        common.extend([
            ("NEXUS_STORE__POSTGRES", servers.postgres.url()),
            ("NEXUS_BUS__NATS", servers.nats.url().to_owned()),
            ("NEXUS_CACHE__REDIS", servers.redis.url()),
        ]);
    }
    common
}

/// How long a leader must be silent before another takes its place, and somewhat more.
pub const LONGER_THAN_A_LEASE: Duration = Duration::from_millis(6_500);
