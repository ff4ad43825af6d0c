//! A caller, and instances of the service `callee` that it finds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use nexus_kernel::config::{Config, MeshConfig};
use nexus_kernel::discovery::{Discovery, Instance};
use nexus_kernel::mesh::tls::Identity;
use nexus_kernel::mesh::{self, Mesh, Target};
use nexus_kernel::{Clock, Timestamp};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
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

    fn identity(&self, service: &str, config: &MeshConfig) -> Arc<Identity> {
        Arc::new(Identity::configured(service, config, self.clock.clone()).unwrap().unwrap())
    }

    /// How another service sees the callee, over connections of its own.
    pub(crate) fn mesh_as(&self, service: &'static str, config: &MeshConfig) -> Mesh {
        self.mesh_at(service, config, self.clock.clone())
    }

    /// The same where another clock tells the time.
    pub(crate) fn mesh_at(&self, service: &'static str, config: &MeshConfig, clock: Clock) -> Mesh {
        let identity = Identity::configured(service, config, clock.clone()).unwrap().map(Arc::new);
        Mesh::new(service, Arc::clone(&self.table) as _, identity, config, clock)
    }

    /// The certificate that an instance shows now to whoever asks.
    pub(crate) async fn shown_by(&self, instance: &Instance) -> Vec<u8> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Looks(Arc::clone(&seen))))
            .with_no_client_auth();
        let tcp = TcpStream::connect(instance.id().trim_start_matches("https://")).await.unwrap();
        let name = ServerName::try_from("callee.nexus.internal").unwrap();
        // It looks and goes away.
        assert!(TlsConnector::from(Arc::new(client)).connect(name, tcp).await.is_err());
        let seen = seen.lock().unwrap();
        seen.clone()
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
        let identity = Identity::configured("caller", config, clock.clone()).unwrap().map(Arc::new);
        let mesh = Mesh::new("caller", Arc::clone(&table) as _, identity, config, clock.clone());
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

    /// One more instance of the callee in another process, with credentials of its own.
    pub(crate) async fn add_as(&mut self, router: Router, config: &MeshConfig) -> Instance {
        let instance = Instance::http(&self.listen_as("callee", router, config).await).unwrap();
        self.insert(instance.clone());
        instance
    }

    /// A server that is in no table; its base URL.
    pub(crate) async fn listen(&mut self, router: Router) -> String {
        self.listen_as("callee", router, &config()).await
    }

    /// The same as an instance of any service.
    pub(crate) async fn listen_as(&mut self, service: &str, router: Router, config: &MeshConfig) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        self.servers.push(shutdown.clone().drop_guard());
        tokio::spawn(mesh::serve(listener, router, self.identity(service, config), shutdown));
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

/// Notes the certificate that it is shown, and believes none.
#[derive(Debug)]
struct Looks(Arc<Mutex<Vec<u8>>>);

impl ServerCertVerifier for Looks {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = certificate.to_vec();
        Err(rustls::Error::General("seen".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("not wanted".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("not wanted".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
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
