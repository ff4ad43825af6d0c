//! The services of this process, those that other programs on this machine are, and where the rest is asked for.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;

use crate::config::LoopbackUrl;

use super::{Discovery, Instance};

/// The services of this process. Those of other processes are found elsewhere, where there is an elsewhere.
#[derive(Debug, Default)]
pub struct InProcess {
    local: RwLock<HashMap<String, Vec<Instance>>>,
    remote: Option<Remote>,
}

#[derive(Debug)]
struct Remote {
    discovery: Arc<dyn Discovery>,
    /// The services that the whole installation should have.
    services: Vec<String>,
}

impl InProcess {
    /// No services yet, and none elsewhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// No services yet; what is not in this process is asked for there.
    pub fn with_remote(discovery: Arc<dyn Discovery>) -> Self {
        Self { local: RwLock::default(), remote: Some(Remote { discovery, services: Vec::new() }) }
    }

    /// Names the services that the installation has altogether: those that a service of this process needs are part of its
    /// readiness, wherever they are.
    #[must_use]
    pub fn of_installation(mut self, services: impl IntoIterator<Item: Into<String>>) -> Self {
        if let Some(remote) = &mut self.remote {
            remote.services = services.into_iter().map(Into::into).collect();
        }
        self
    }

    /// From now on this router answers for the service.
    pub fn register(&self, name: impl Into<String>, router: Router) {
        let name = name.into();
        let instance = Instance::local(name.as_str(), router);
        self.put(name, vec![instance]);
    }

    /// From now on these servers answer for the service.
    pub(crate) fn register_plain(&self, name: &str, servers: &[LoopbackUrl]) {
        self.put(name.to_owned(), servers.iter().map(Instance::plain).collect());
    }

    fn put(&self, name: String, instances: Vec<Instance>) {
        self.local.write().unwrap_or_else(PoisonError::into_inner).insert(name, instances);
    }

    /// Whether the service should be somewhere else, if it is not here.
    pub(crate) fn expects(&self, service: &str) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.services.iter().any(|known| known == service))
    }
}

impl Discovery for InProcess {
    /// What is here is not looked for elsewhere: a call that need not leave the process or the machine does not.
    fn instances(&self, service: &str) -> Vec<Instance> {
        let local = self.local.read().unwrap_or_else(PoisonError::into_inner).get(service).cloned();
        match (local, &self.remote) {
            (Some(local), _) => local,
            (None, Some(remote)) => remote.discovery.instances(service),
            (None, None) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::StaticList;

    #[test]
    fn the_router_that_was_registered_last_answers() {
        let table = InProcess::new();
        assert!(table.instances("a").is_empty());
        table.register("a", Router::new());
        table.register("a", Router::new());
        assert_eq!(table.instances("a").len(), 1);
    }

    #[test]
    fn what_is_not_here_is_found_elsewhere_and_what_is_here_stays_here() {
        let elsewhere = StaticList::new([("a", ["https://host:1"]), ("b", ["https://host:2"])]).unwrap();
        let table = InProcess::with_remote(Arc::new(elsewhere)).of_installation(["a", "b", "c"]);
        table.register("a", Router::new());
        assert_eq!(&**table.instances("a")[0].id(), "a");
        assert_eq!(&**table.instances("b")[0].id(), "https://host:2");
        assert!(table.instances("c").is_empty() && table.expects("c") && !table.expects("d"));
    }
}
