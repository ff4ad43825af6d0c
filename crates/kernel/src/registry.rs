//! The registry: every service's name, port, routes and dependencies, read from `services.toml`, the one source of them.

use std::sync::LazyLock;

use serde::Deserialize;

/// Who may call a service through the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Every request needs a token.
    Required,
    /// No request needs one.
    Public,
    /// Some requests need one; the service says which.
    Partial,
}

/// One service, as `services.toml` declares it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceEntry {
    /// The name, the same everywhere.
    pub name: String,
    /// The domain that it belongs to, and its folder under `services/`.
    pub domain: String,
    /// The TCP port that it listens on as a process of its own.
    pub port: u16,
    /// The path prefixes that the gateway sends to it.
    #[serde(rename = "route")]
    pub routes: Vec<String>,
    /// Who may call it.
    #[serde(rename = "auth")]
    pub access: Access,
    /// The services that it calls or listens to; `*` is all of them.
    pub deps: Vec<String>,
    /// What it is for, in one line.
    pub purpose: String,
}

/// One module: a product made of services.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleEntry {
    /// The name, and its folder under `modules/`.
    pub name: String,
    /// What it is for, in one line.
    pub purpose: String,
}

/// All services and modules.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// In the order of the file.
    #[serde(rename = "service")]
    pub services: Vec<ServiceEntry>,
    /// In the order of the file.
    #[serde(rename = "module")]
    pub modules: Vec<ModuleEntry>,
}

static BUILT_IN: LazyLock<Registry> = LazyLock::new(|| {
    Registry::parse(include_str!("../../../services.toml")).expect("services.toml is checked by this module's tests")
});

impl Registry {
    /// The registry that this build was made with.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Reads the text of a `services.toml`.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&ServiceEntry> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The service that answers a path: the longest prefix that ends at a segment's end wins.
    pub fn route(&self, path: &str) -> Option<&ServiceEntry> {
        self.route_with_prefix(path).map(|(_, service)| service)
    }

    /// The same, with the prefix that won.
    pub fn route_with_prefix(&self, path: &str) -> Option<(&str, &ServiceEntry)> {
        let answers =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.services
            .iter()
            .flat_map(|service| service.routes.iter().map(move |prefix| (prefix.as_str(), service)))
            .filter(|(prefix, _)| answers(prefix))
            .max_by_key(|(prefix, _)| prefix.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_ports_and_routes_are_unique_and_dependencies_exist() {
        let registry = Registry::built_in();
        assert_eq!((registry.services.len(), registry.modules.len()), (43, 16));
        let names: HashSet<_> = registry.services.iter().map(|service| &service.name).collect();
        let ports: HashSet<_> = registry.services.iter().map(|service| service.port).collect();
        let routes: Vec<_> = registry.services.iter().flat_map(|service| &service.routes).collect();
        assert_eq!((names.len(), ports.len()), (43, 43));
        assert_eq!(routes.len(), routes.iter().collect::<HashSet<_>>().len());
        for service in &registry.services {
            for dependency in &service.deps {
                assert!(dependency == "*" || names.contains(dependency), "{} needs {dependency}", service.name);
            }
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_a_prefix_ends_at_a_segment() {
        let name = |path| Registry::built_in().route(path).map(|service| service.name.as_str());
        assert_eq!(name("/api/auth/login"), Some("auth-service"));
        assert_eq!(name("/api/auth/register"), Some("user-auth"));
        assert_eq!(name("/api/auth/v2/authorize"), Some("auth-service-v2"));
        assert_eq!(name("/api/auth/v2x"), Some("auth-service"));
        assert_eq!(name("/api/authority"), None);
        assert_eq!(name("/.well-known/jwks.json"), Some("token-mgr"));
    }
}
