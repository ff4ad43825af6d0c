//! A caller, and instances of the service `callee` that it finds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use nexus_kernel::config::{Config, MeshConfig};
use nexus_kernel::discovery::{Discovery, Instance};
use nexus_kernel::mesh::{self, Mesh, Target};
use nexus_kernel::{Clock, Timestamp};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const SECRET: &str = "a secret of the test's own, long enough";

/// Which way calls go.
#[derive(Debug, Clone, Copy)]
enum Transport {
    InProcess,
    Http,
}

#[derive(Debug, Default)]
struct Table(Mutex<Vec<Instance>>);

impl Discovery for Table {
    fn instances(&self, service: &str) -> Vec<Instance> {
        if service == "callee" { self.0.lock().unwrap().clone() } else { Vec::new() }
    }
}

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) mesh: Mesh,
    table: Arc<Table>,
    transport: Transport,
    made: Counter,
    servers: Vec<DropGuard>,
}

pub(crate) fn config() -> MeshConfig {
    MeshConfig { secret: SECRET.into(), ..Config::default().mesh }
}

impl World {
    pub(crate) fn in_process() -> Self {
        Self::new(Transport::InProcess, &config())
    }

    pub(crate) fn over_http() -> Self {
        Self::new(Transport::Http, &config())
    }

    pub(crate) fn in_process_with(config: &MeshConfig) -> Self {
        Self::new(Transport::InProcess, config)
    }

    pub(crate) fn over_http_with(config: &MeshConfig) -> Self {
        Self::new(Transport::Http, config)
    }

    fn new(transport: Transport, config: &MeshConfig) -> Self {
        let clock = Clock::manual(Timestamp::from_micros(1_700_000_000_000_000));
        let table = Arc::new(Table::default());
        let mesh = Mesh::new("caller", Arc::clone(&table) as _, config, clock.clone());
        Self { clock, mesh, table, transport, made: Counter::default(), servers: Vec::new() }
    }

    /// One instance of the callee.
    pub(crate) async fn with(mut self, router: Router) -> Self {
        self.add(router).await;
        self
    }

    /// One more instance of the callee.
    pub(crate) async fn add(&mut self, router: Router) -> Instance {
        let instance = match self.transport {
            Transport::InProcess => Instance::local(format!("callee-{}", self.made.up()), router),
            Transport::Http => Instance::http(&self.listen(router).await).unwrap(),
        };
        self.insert(instance.clone());
        instance
    }

    /// A server that is in no table; its base URL.
    pub(crate) async fn listen(&mut self, router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        self.servers.push(shutdown.clone().drop_guard());
        let clock = self.clock.clone();
        tokio::spawn(async move { mesh::serve(listener, router, &SECRET.into(), clock, shutdown).await });
        url
    }

    pub(crate) fn insert(&self, instance: Instance) {
        self.table.0.lock().unwrap().push(instance);
    }

    pub(crate) fn remove(&self, instance: &Instance) {
        self.table.0.lock().unwrap().retain(|known| known.id() != instance.id());
    }

    pub(crate) fn callee(&self) -> Target {
        self.mesh.to("callee")
    }
}

/// Counts what reaches an instance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Arc<AtomicUsize>);

impl Counter {
    pub(crate) fn up(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
