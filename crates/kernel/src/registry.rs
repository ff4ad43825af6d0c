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
    /// The path prefixes of all services, in order.
    #[serde(skip)]
    prefixes: Vec<Prefix>,
}

/// A path prefix and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Prefix {
    text: String,
    /// The service's place in the file.
    service: usize,
    /// The longest other prefix that this one begins with.
    shorter: Option<usize>,
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
        let mut registry: Self = toml::from_str(text)?;
        registry.prefixes = prefixes(&registry.services);
        Ok(registry)
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
        // Whatever prefix of the path stands in the list, all that stands between it and the path begins with it.
        let mut candidate = self.prefixes.partition_point(|prefix| prefix.text.as_str() <= path).checked_sub(1);
        while let Some(prefix) = candidate.map(|index| &self.prefixes[index]) {
            let rest = path.strip_prefix(prefix.text.as_str());
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                return Some((&prefix.text, &self.services[prefix.service]));
            }
            candidate = prefix.shorter;
        }
        None
    }
}

fn prefixes(services: &[ServiceEntry]) -> Vec<Prefix> {
    let all = services.iter().enumerate();
    let mut all: Vec<(&str, usize)> =
        all.flat_map(|(index, service)| service.routes.iter().map(move |route| (route.as_str(), index))).collect();
    all.sort_unstable();
    let shorter = |index: usize| (0..index).rev().find(|before| all[index].0.starts_with(all[*before].0));
    let indices = 0..all.len();
    indices
        .map(|index| Prefix { text: all[index].0.to_owned(), service: all[index].1, shorter: shorter(index) })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn a_path_goes_where_a_look_at_every_prefix_sends_it(
            routes in prop::collection::btree_set("(/[ab]{1,2}){1,3}", 1..12),
            path in "(/[abc]{1,2}){0,4}/?",
        ) {
            let entry = |route: &String| ServiceEntry { name: route.clone(), routes: vec![route.clone()], ..Registry::built_in().services[0].clone() };
            let services: Vec<_> = routes.iter().map(entry).collect();
            let registry = Registry { prefixes: prefixes(&services), services, modules: Vec::new() };
            let answers = |route: &&String| path == **route || path.starts_with(&format!("{route}/"));
            let expected = routes.iter().filter(answers).max_by_key(|route| route.len());
            prop_assert_eq!(registry.route(&path).map(|service| &service.name), expected);
        }
    }
}
