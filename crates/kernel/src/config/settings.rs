//! Everything that an operator can set, with its defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::LoopbackUrl;

/// An address, or all addresses of a network.
pub use ipnetwork::IpNetwork as Network;

/// A value that never reaches a log: a password, a key, a URL with either.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Everything that an operator can set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder that holds all state of the embedded mode.
    pub data: PathBuf,
    /// The address that the gateway listens on.
    pub listen: SocketAddr,
    /// The address that people type, without a slash at the end; in links of e-mails. Empty: made from `listen`.
    pub public_url: String,
    /// Where state lives.
    pub store: StoreConfig,
    /// What carries events between processes.
    pub bus: BusConfig,
    /// What services announce to each other.
    pub events: EventsConfig,
    /// Where caches and rate limits live.
    pub cache: CacheConfig,
    /// Where files live.
    pub blobs: BlobConfig,
    /// Calls between services.
    pub mesh: MeshConfig,
    /// The gateway.
    pub gateway: GatewayConfig,
    /// Accounts and sign-in.
    pub identity: IdentityConfig,
    /// How long people stay signed in, and in how many places.
    pub sessions: SessionsConfig,
    /// Uploads and transcoding.
    pub media: MediaConfig,
    /// Outgoing e-mail.
    pub mail: MailConfig,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
    /// Copies for the day on which everything else is gone.
    pub backup: BackupConfig,
    /// What all stored keys and secrets are under.
    pub keys: KeysConfig,
    /// How many processes a service has under `nexus up --isolate`, by its name.
    pub scale: BTreeMap<String, ScaleConfig>,
}

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// A `postgres://` URL; empty: SQLite files in the data folder.
    pub postgres: Secret,
    /// The most connections that one service opens.
    pub pool: usize,
    /// A PEM file with the authorities whose certificates the database may show; empty: those of the system. The URL's
    /// `sslmode` says whether TLS is used at all.
    pub ca: PathBuf,
}

/// What carries events between processes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusConfig {
    /// A `nats://` URL; empty: events stay in this process.
    pub nats: Secret,
}

/// What services announce to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// How many days an event is kept at least. Then it is deleted, once every service that follows it has applied it.
    pub keep_days: u32,
}

impl EventsConfig {
    /// The fewest days: time to find out that a service does not apply events, and to put an older copy of one back.
    pub const LEAST_DAYS: u32 = 1;
}

/// Where caches and rate limits live.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheConfig {
    /// A `redis://` URL; empty: this process's memory.
    pub redis: Secret,
}

/// Where files live.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobConfig {
    /// A `file://` or `s3://bucket/prefix` URL; empty: the folder `blobs` in the data folder.
    pub url: String,
    /// Where the S3 API is, when it is not Amazon's: `https://host[:port]`.
    pub endpoint: String,
    /// The S3 region.
    pub region: String,
    /// The S3 access key's id.
    pub access_key_id: Secret,
    /// The S3 secret access key.
    pub secret_access_key: Secret,
}

/// Calls between services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeshConfig {
    /// How long a call may take when its asker set no limit, in seconds.
    pub timeout_seconds: u64,
    /// Consecutive failures that open an instance's circuit breaker.
    pub breaker_failures: u32,
    /// The most seconds until an open breaker lets one call try: one at first, and twice as long after each try that fails.
    pub breaker_open_seconds: u64,
    /// Successes that close a half-open breaker.
    pub breaker_successes: u32,
    /// What all processes of one installation share: their certificates and the proof of a caller's name are made from it. At
    /// least 32 characters. Not needed in one process, nor where `mesh.tls` names certificates.
    pub secret: Secret,
    /// How the services of other processes are found.
    pub discovery: DiscoveryKind,
    /// The address that the services of `nexus run` listen on.
    pub bind: IpAddr,
    /// On which ports they listen.
    pub ports: Ports,
    /// The host name or address under which others reach this process; empty: `mesh.bind`.
    pub advertise: String,
    /// With `dns`: what follows a service's name in its host name, as `.nexus.svc.cluster.local`.
    pub dns_suffix: String,
    /// Minutes that a certificate made from `mesh.secret` is good; a new one takes its place long before.
    pub certificate_minutes: u64,
    /// Certificates from elsewhere, as files that are read again when they change; empty: made from `mesh.secret`.
    pub tls: MeshTlsConfig,
    /// Services of `services.toml` that other programs on this machine are, by name: the addresses of their HTTP/1.1 servers.
    pub plain: BTreeMap<String, Vec<LoopbackUrl>>,
}

/// How the services of other processes are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiscoveryKind {
    /// By a key-value bucket of the NATS server of `bus.nats`.
    Nats,
    /// By host names, as of Kubernetes Services; each service listens on its declared port.
    Dns,
    /// By the process that started this one.
    Supervisor,
}

/// On which ports services listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ports {
    /// Those of `services.toml`.
    Declared,
    /// Any that are free: several instances on one machine.
    Any,
}

/// The certificate that a process shows to others, and whose it believes. All three are PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeshTlsConfig {
    /// The authorities whose certificates are believed.
    pub ca: PathBuf,
    /// The certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl MeshConfig {
    /// The shortest `mesh.secret`, in characters.
    pub const SECRET_LENGTH: usize = 32;
}

/// The gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Origins of other sites whose pages may call the API; `https://host[:port]`.
    pub cors_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed: addresses, or networks as `10.0.0.0/8`.
    pub trusted_proxies: Vec<Network>,
    /// The largest request body in bytes where a route sets no other limit.
    pub body_limit: usize,
    /// Requests a second that one address may make, over time.
    pub requests_per_second: f64,
    /// Requests that one address may make at once.
    pub burst: u32,
    /// Sign-in, registration and refresh requests a minute that one address may make.
    pub sign_in_per_minute: u32,
    /// How long a service may take to begin its answer, in seconds.
    pub timeout_seconds: u64,
    /// The most requests at once; how many of them are let in follows from how long they take. The rest is told to come later.
    pub max_in_flight: usize,
    /// The most connections that clients have open.
    pub connections: usize,
    /// The most connections of one address; a proxy in front of many people is one address.
    pub connections_per_address: usize,
    /// Lines a second of the access log; the requests beyond are counted in it. Failures have as many of their own.
    pub log_per_second: u32,
    /// The certificate for browsers; without it the gateway speaks plain HTTP.
    pub tls: GatewayTlsConfig,
}

/// The certificate that the gateway shows to the world.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayTlsConfig {
    /// The certificate, followed by its intermediates: a PEM file that is read again when it changes.
    pub certificate: PathBuf,
    /// Its private key, a PEM file.
    pub key: PathBuf,
    /// An address for plain HTTP, where everybody is sent to `public_url`.
    pub redirect_from: Option<SocketAddr>,
    /// Seconds for which browsers remember to come by HTTPS only (RFC 6797); 0: they are not told.
    pub hsts_seconds: u64,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anybody with an e-mail address.
    Open,
    /// Nobody but the owner at set-up.
    Closed,
}

/// Accounts and sign-in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// Who may make an account.
    pub registration: Registration,
    /// A file of passwords that were seen in breaches, as `nexus breached-passwords` makes it; empty: only the most common ones
    /// are refused.
    pub breached_passwords: PathBuf,
    /// For how many days it is kept who signed in, from where and how it went.
    pub audit_days: u32,
}

/// How long people stay signed in, and in how many places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsConfig {
    /// Minutes without use after which a session ends.
    pub idle_minutes: u64,
    /// The most places where one person is signed in at once: one more ends the one that was used least lately. What people let
    /// an application do is counted apart, for each application.
    pub most_per_person: u32,
}

/// Uploads and transcoding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaConfig {
    /// The largest upload in bytes.
    pub max_upload_bytes: u64,
    /// Hours until an unfinished upload is removed.
    pub upload_expires_hours: u64,
    /// Transcodes at once; 0: half of the processor's cores, at least one.
    pub transcodes: usize,
    /// The ffmpeg program.
    pub ffmpeg: PathBuf,
    /// The ffprobe program.
    pub ffprobe: PathBuf,
}

/// Outgoing e-mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// A `smtp://` or `smtps://` URL; empty: mail stays in the console's development mailbox.
    pub smtp: Secret,
    /// The sender.
    pub from: String,
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs and traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// How the log looks.
    pub format: LogFormat,
    /// Which lines are logged, as `tracing-subscriber` directives.
    pub filter: String,
    /// An OTLP/HTTP collector, as `http://host:4318` or `https://host:4318`; empty: traces stay in the log.
    pub otlp: String,
    /// A PEM file with the authorities whose certificates the collector may show; empty: those of the system.
    pub ca: PathBuf,
    /// An address for `/health/live`, `/health/ready` and `/metrics` of this process's services in plain HTTP.
    pub listen: Option<SocketAddr>,
}

/// Copies for the day on which everything else is gone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupConfig {
    /// The folder that the copies are kept in.
    pub repository: PathBuf,
    /// What they are encrypted with.
    pub password: Secret,
}

/// Where the key comes from that opens all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SealKind {
    /// From a file that is made at the first start.
    #[default]
    File,
    /// From a passphrase.
    Passphrase,
    /// From shares that several people hold; some of them have to come together after each start.
    Shamir,
}

/// What all stored keys and secrets are under. The kind is chosen at the first start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Where the key comes from that opens all others.
    pub seal: SealKind,
    /// The file of that key; empty: `keys/master.key` in the data folder.
    pub file: PathBuf,
    /// The passphrase, where `seal` is `passphrase`.
    pub passphrase: Secret,
    /// For how many days it is kept who used which key.
    pub audit_days: u32,
}

/// How many processes a service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScaleConfig {
    /// How many it has at start, and always where `max` is not set.
    pub instances: usize,
    /// The fewest that it is scaled down to; 0: `instances`.
    pub min: usize,
    /// The most that it is scaled up to; 0: `instances`.
    pub max: usize,
}

impl Default for ScaleConfig {
    fn default() -> Self {
        Self { instances: 1, min: 0, max: 0 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            public_url: String::new(),
            store: StoreConfig { pool: 8, ..StoreConfig::default() },
            bus: BusConfig::default(),
            events: EventsConfig { keep_days: 7 },
            cache: CacheConfig::default(),
            blobs: BlobConfig { region: "us-east-1".to_owned(), ..BlobConfig::default() },
            mesh: MeshConfig {
                timeout_seconds: 15,
                breaker_failures: 5,
                breaker_open_seconds: 30,
                breaker_successes: 3,
                secret: Secret::default(),
                discovery: DiscoveryKind::Nats,
                bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
                ports: Ports::Declared,
                advertise: String::new(),
                dns_suffix: String::new(),
                certificate_minutes: 240,
                tls: MeshTlsConfig::default(),
                plain: BTreeMap::new(),
            },
            gateway: GatewayConfig {
                cors_origins: Vec::new(),
                trusted_proxies: Vec::new(),
                body_limit: 1 << 20,
                requests_per_second: 100.0,
                burst: 300,
                sign_in_per_minute: 30,
                timeout_seconds: 30,
                max_in_flight: 1_024,
                connections: 8_192,
                connections_per_address: 1_024,
                log_per_second: 200,
                tls: GatewayTlsConfig { hsts_seconds: 31_536_000, ..GatewayTlsConfig::default() },
            },
            identity: IdentityConfig {
                registration: Registration::Open,
                breached_passwords: PathBuf::new(),
                audit_days: 365,
            },
            sessions: SessionsConfig { idle_minutes: 14 * 24 * 60, most_per_person: 50 },
            media: MediaConfig {
                max_upload_bytes: 50 << 30,
                upload_expires_hours: 24,
                transcodes: 0,
                ffmpeg: PathBuf::from("ffmpeg"),
                ffprobe: PathBuf::from("ffprobe"),
            },
            mail: MailConfig { smtp: Secret::default(), from: "Nexus COS <no-reply@localhost>".to_owned() },
            telemetry: TelemetryConfig {
                format: LogFormat::Text,
                filter: "info".to_owned(),
                otlp: String::new(),
                ca: PathBuf::new(),
                listen: None,
            },
            backup: BackupConfig::default(),
            keys: KeysConfig { audit_days: 365, ..KeysConfig::default() },
            scale: BTreeMap::new(),
        }
    }
}
