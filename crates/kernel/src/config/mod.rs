//! Configuration: defaults, then `nexus.toml`, then `NEXUS_*` variables, then flags. An unknown key is an error that names
//! the nearest known one.

mod plain;
mod settings;

use std::path::Path;

use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Provider};

use crate::registry::Registry;

pub use plain::{LoopbackUrl, NotLoopback};
pub use settings::*;

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
    /// Events that would be deleted too soon.
    #[error("`events.keep_days` is {days} and must be at least {}", EventsConfig::LEAST_DAYS)]
    KeepsTooShort {
        /// How many days they would be kept.
        days: u32,
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
const SECRETS: [&str; 9] = [
    "store.postgres",
    "bus.nats",
    "cache.redis",
    "blobs.access_key_id",
    "blobs.secret_access_key",
    "mesh.secret",
    "mail.smtp",
    "backup.password",
    "keys.passphrase",
];
/// What a service's table under `scale` may have.
const SCALE: [&str; 3] = ["instances", "min", "max"];

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
        let mut known: Vec<String> = keys(&defaults).into_iter().map(|(key, _)| key).collect();
        known.extend(scale_keys().chain(plain_keys()));
        let mut figment = defaults;
        if let Some(file) = file {
            figment = figment.merge(Toml::file(file));
        }
        // `NEXUS_TEST_*` and `NEXUS_BIN` steer the test tools, `NEXUS_PASSWORD` is for `nexus token`, `NEXUS_SUPERVISOR` for
        // the processes of `nexus up --isolate`: none is a setting.
        let variables = Env::prefixed("NEXUS_")
            .filter(|key| {
                !key.starts_with("TEST_")
                    && !["bin", "config", "password", "supervisor"].contains(&key.as_str().to_lowercase().as_str())
            })
            .split("__");
        figment = figment.merge(variables).merge(Serialized::defaults(flags));
        for (key, value) in keys(&figment) {
            if !known.contains(&key) {
                return Err(unknown(&figment, key, &value, &known));
            }
        }
        let mut config: Config = figment.extract().map_err(|error| ConfigError::Invalid(Box::new(error)))?;
        let length = config.mesh.secret.expose().len();
        if (1..MeshConfig::SECRET_LENGTH).contains(&length) {
            return Err(ConfigError::WeakSecret { length });
        }
        let days = config.events.keep_days;
        if days < EventsConfig::LEAST_DAYS {
            return Err(ConfigError::KeepsTooShort { days });
        }
        if config.public_url.is_empty() {
            let scheme = if config.gateway.tls.certificate.as_os_str().is_empty() { "http" } else { "https" };
            config.public_url = format!("{scheme}://{}", config.listen);
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

fn unknown(figment: &Figment, key: String, value: &Value, known: &[String]) -> ConfigError {
    let nearest = known
        .iter()
        .map(|known| (strsim::jaro_winkler(known, &key), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.clone());
    ConfigError::UnknownKey { origin: origin(figment, value), key, nearest }
}

/// The keys that a table by services' names has.
fn scale_keys() -> impl Iterator<Item = String> {
    let services = Registry::built_in().services.iter();
    services.flat_map(|service| SCALE.map(|key| format!("scale.{}.{key}", service.name)))
}

/// The keys under which services can be other programs.
fn plain_keys() -> impl Iterator<Item = String> {
    Registry::built_in().services.iter().map(|service| format!("mesh.plain.{}", service.name))
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
    fn events_are_kept_for_a_day_at_least() {
        assert!(read("[events]\nkeep_days = 0").unwrap_err().to_string().contains("at least 1"));
        assert_eq!(read("[events]\nkeep_days = 1").unwrap().config.events.keep_days, 1);
        assert_eq!(read("").unwrap().config.events.keep_days, 7);
    }

    #[test]
    fn a_service_has_its_own_number_of_processes_and_an_unknown_one_has_none() {
        let config = read("[scale.streamcore]\ninstances = 2\nmax = 4").unwrap().config;
        assert_eq!(config.scale["streamcore"], ScaleConfig { instances: 2, min: 0, max: 4 });
        let error = read("[scale.streamcoer]\ninstances = 2").unwrap_err().to_string();
        assert!(error.contains("did you mean `scale.streamcore.instances`?"), "{error}");
    }

    #[test]
    fn a_service_can_be_another_program_of_this_machine_and_of_no_other() {
        let config = read("[mesh.plain]\nscheduler = [\"http://127.0.0.1:8080\"]").unwrap().config;
        assert_eq!(config.mesh.plain["scheduler"].len(), 1);
        let error = read("[mesh.plain]\nscheduler = [\"http://10.0.0.7:8080\"]").unwrap_err().to_string();
        assert!(error.contains("http://10.0.0.7:8080") && error.contains("mesh.plain"), "{error}");
        let error = read("[mesh.plain]\nschedular = []").unwrap_err().to_string();
        assert!(error.contains("did you mean `mesh.plain.scheduler`?"), "{error}");
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
