//! Configuration: defaults, then `nexus.toml`, then `NEXUS_*` variables, then flags. An unknown key is an error that names
//! the nearest known one.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Provider};
use serde::{Deserialize, Serialize};

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
    /// Uploads and transcoding.
    pub media: MediaConfig,
    /// Outgoing e-mail.
    pub mail: MailConfig,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
}

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// A `postgres://` URL; empty: SQLite files in the data folder.
    pub postgres: Secret,
    /// The most connections that one service opens.
    pub pool: usize,
}

/// What carries events between processes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusConfig {
    /// A `nats://` URL; empty: events stay in this process.
    pub nats: Secret,
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
    /// A `file://` URL; empty: the folder `blobs` in the data folder.
    pub url: String,
}

/// Calls between services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeshConfig {
    /// How long a call may take when its asker set no limit, in seconds.
    pub timeout_seconds: u64,
    /// Consecutive failures that open an instance's circuit breaker.
    pub breaker_failures: u32,
    /// Seconds until an open breaker lets one call try.
    pub breaker_open_seconds: u64,
    /// Successes that close a half-open breaker.
    pub breaker_successes: u32,
    /// Proves a caller's identity between processes; at least 32 characters. Not needed in one process.
    pub secret: Secret,
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
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
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
    /// An OTLP/HTTP collector, as `http://host:4318`; empty: traces stay in the log.
    pub otlp: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            public_url: String::new(),
            store: StoreConfig { pool: 8, ..StoreConfig::default() },
            bus: BusConfig::default(),
            cache: CacheConfig::default(),
            blobs: BlobConfig::default(),
            mesh: MeshConfig {
                timeout_seconds: 15,
                breaker_failures: 5,
                breaker_open_seconds: 30,
                breaker_successes: 3,
                secret: Secret::default(),
            },
            gateway: GatewayConfig {
                cors_origins: Vec::new(),
                trusted_proxies: Vec::new(),
                body_limit: 1 << 20,
                requests_per_second: 100.0,
                burst: 300,
                sign_in_per_minute: 30,
                timeout_seconds: 30,
            },
            identity: IdentityConfig { registration: Registration::Open },
            media: MediaConfig {
                max_upload_bytes: 50 << 30,
                upload_expires_hours: 24,
                transcodes: 0,
                ffmpeg: PathBuf::from("ffmpeg"),
                ffprobe: PathBuf::from("ffprobe"),
            },
            mail: MailConfig { smtp: Secret::default(), from: "Nexus COS <no-reply@localhost>".to_owned() },
            telemetry: TelemetryConfig { format: LogFormat::Text, filter: "info".to_owned(), otlp: String::new() },
        }
    }
}

/// What is wrong with the configuration, and where.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that nothing reads.
    #[error("{origin} sets `{key}`, which does not exist{}", nearest.as_ref().map_or(String::new(), |near| format!("; did you mean `{near}`?")))]
    UnknownKey {
        /// The key as written, with dots between its parts.
        key: String,
        /// Where it was set.
        origin: String,
        /// The known key that is spelled most like it.
        nearest: Option<String>,
    },
    /// A value of the wrong type or out of its range.
    #[error("{0}")]
    Invalid(Box<figment::Error>),
    /// A secret that can be guessed.
    #[error(
        "`mesh.secret` has {length} characters and needs at least {}; make one with `openssl rand -hex 32`",
        MeshConfig::SECRET_LENGTH
    )]
    WeakSecret {
        /// How long it is.
        length: usize,
    },
}

/// One effective value, for `nexus config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key, with dots between its parts.
    pub key: String,
    /// The value as TOML would write it; secrets are masked.
    pub value: String,
    /// Where it comes from.
    pub origin: String,
}

/// Keys whose values are masked wherever they are shown.
const SECRETS: [&str; 5] = ["store.postgres", "bus.nats", "cache.redis", "mesh.secret", "mail.smtp"];

/// The configuration and where each value came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The effective values.
    pub config: Config,
    figment: Figment,
}

impl Loaded {
    /// Reads `nexus.toml` (when there is one) and the environment; `flags` win over both.
    pub fn read(file: Option<&Path>, flags: Dict) -> Result<Self, ConfigError> {
        let defaults = Figment::from(Serialized::defaults(Config::default()));
        let known = keys(&defaults);
        let mut figment = defaults;
        if let Some(file) = file {
            figment = figment.merge(Toml::file(file));
        }
        // `NEXUS_TEST_*` and `NEXUS_BIN` steer the test tools, `NEXUS_PASSWORD` is for `nexus token`: none is a setting.
        let variables = Env::prefixed("NEXUS_")
            .filter(|key| {
                !key.starts_with("TEST_")
                    && !["bin", "config", "password"].contains(&key.as_str().to_lowercase().as_str())
            })
            .split("__");
        figment = figment.merge(variables).merge(Serialized::defaults(flags));
        for (key, value) in keys(&figment) {
            if !known.iter().any(|(known, _)| *known == key) {
                return Err(unknown(&figment, key, &value, &known));
            }
        }
        let mut config: Config = figment.extract().map_err(|error| ConfigError::Invalid(Box::new(error)))?;
        let length = config.mesh.secret.expose().len();
        if (1..MeshConfig::SECRET_LENGTH).contains(&length) {
            return Err(ConfigError::WeakSecret { length });
        }
        if config.public_url.is_empty() {
            config.public_url = format!("http://{}", config.listen);
        }
        Ok(Self { config, figment })
    }

    /// Every effective value with its origin.
    pub fn settings(&self) -> Vec<Setting> {
        keys(&self.figment)
            .into_iter()
            .map(|(key, value)| Setting { value: show(&key, &value), origin: origin(&self.figment, &value), key })
            .collect()
    }
}

fn show(key: &str, value: &Value) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    if SECRETS.contains(&key) && text != "\"\"" { "\"***\"".to_owned() } else { text }
}

fn origin(figment: &Figment, value: &Value) -> String {
    match figment.get_metadata(value.tag()) {
        Some(metadata) => match &metadata.source {
            Some(figment::Source::File(path)) => path.display().to_string(),
            _ if metadata.name.contains("environment") => "environment".to_owned(),
            _ if metadata.name.contains("Config") => "default".to_owned(),
            _ => "flag".to_owned(),
        },
        None => "default".to_owned(),
    }
}

fn unknown(figment: &Figment, key: String, value: &Value, known: &[(String, Value)]) -> ConfigError {
    let nearest = known
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(known, &key), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.clone());
    ConfigError::UnknownKey { origin: origin(figment, value), key, nearest }
}

/// The leaves of the configuration, as dotted keys.
fn keys(figment: &Figment) -> Vec<(String, Value)> {
    fn walk(prefix: &str, dict: Dict, found: &mut Vec<(String, Value)>) {
        for (name, value) in dict {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match value {
                Value::Dict(_, inner) => walk(&key, inner, found),
                leaf => found.push((key, leaf)),
            }
        }
    }
    let mut found = Vec::new();
    if let Ok(data) = figment.data() {
        for dict in data.into_values() {
            walk("", dict, &mut found);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Loaded, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nexus.toml");
        std::fs::write(&file, toml).unwrap();
        Loaded::read(Some(&file), Dict::new())
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one_and_its_file() {
        let error = read("[gateway]\nbody_limt = 5").unwrap_err().to_string();
        assert!(
            error.contains("`gateway.body_limt`") && error.contains("did you mean `gateway.body_limit`?"),
            "{error}"
        );
        assert!(error.contains("nexus.toml"), "{error}");
    }

    #[test]
    fn a_wrong_type_is_an_error_that_names_the_key() {
        assert!(read("[gateway]\nburst = \"many\"").unwrap_err().to_string().contains("burst"));
    }

    #[test]
    fn a_mesh_secret_that_can_be_guessed_is_refused_without_being_shown() {
        let error = read("[mesh]\nsecret = \"swordfish\"").unwrap_err().to_string();
        assert!(error.contains("`mesh.secret` has 9 characters") && !error.contains("swordfish"), "{error}");
        assert!(read(&format!("[mesh]\nsecret = \"{}\"", "s".repeat(32))).is_ok());
    }

    #[test]
    fn secrets_are_masked_and_origins_told() {
        let loaded = read("[mail]\nsmtp = \"smtp://u:p@host\"").unwrap();
        let setting = loaded.settings().into_iter().find(|setting| setting.key == "mail.smtp").unwrap();
        assert_eq!(setting.value, "\"***\"");
        assert!(setting.origin.ends_with("nexus.toml"), "{}", setting.origin);
        assert!(!format!("{:?}", loaded.config).contains("u:p"));
    }
}
