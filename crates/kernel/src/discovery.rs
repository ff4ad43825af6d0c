//! Where the instances of a service are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use http::Uri;

/// One running copy of a service.
#[derive(Clone)]
pub struct Instance {
    id: Arc<str>,
    address: Address,
}

#[derive(Clone)]
pub(crate) enum Address {
    /// In this process.
    Local(Router),
    /// Behind this base URL, without a slash at its end.
    Http(Arc<str>),
}

/// A base URL that no call can be made to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the address of a service: expected http://host:port")]
pub struct InvalidAddress(String);

impl Instance {
    /// A copy in this process. The id tells it from the others of its service.
    pub fn local(id: impl Into<Arc<str>>, router: Router) -> Self {
        Self { id: id.into(), address: Address::Local(router) }
    }

    /// A copy behind a base URL, as `http://10.0.0.7:3101`.
    pub fn http(url: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(url.to_owned());
        let base = url.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| invalid())?;
        if uri.scheme_str() != Some("http") || uri.authority().is_none() || uri.query().is_some() {
            return Err(invalid());
        }
        let base: Arc<str> = base.into();
        Ok(Self { id: Arc::clone(&base), address: Address::Http(base) })
    }

    /// What tells it from the other instances of its service; the base URL when it has one.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instance").field(&self.id).finish()
    }
}

/// Finds the instances of a service. It is asked at every call, so an answer must not wait for anything.
pub trait Discovery: Send + Sync + fmt::Debug {
    /// The instances that are there now; empty when nobody knows any.
    fn instances(&self, service: &str) -> Vec<Instance>;
}

/// The services of this process.
#[derive(Debug, Default)]
pub struct InProcess(RwLock<HashMap<String, Instance>>);

impl InProcess {
    /// No services yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on this router answers for the service.
    pub fn register(&self, name: impl Into<String>, router: Router) {
        let name = name.into();
        let instance = Instance::local(name.as_str(), router);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, instance);
    }
}

impl Discovery for InProcess {
    fn instances(&self, service: &str) -> Vec<Instance> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(service).cloned().into_iter().collect()
    }
}

/// Services at addresses that do not change.
#[derive(Debug, Clone, Default)]
pub struct StaticList(HashMap<String, Vec<Instance>>);

impl StaticList {
    /// Each service with its base URLs.
    pub fn new<S, U>(services: impl IntoIterator<Item = (S, U)>) -> Result<Self, InvalidAddress>
    where
        S: Into<String>,
        U: IntoIterator<Item: AsRef<str>>,
    {
        let instances = |urls: U| urls.into_iter().map(|url| Instance::http(url.as_ref())).collect::<Result<_, _>>();
        services
            .into_iter()
            .map(|(service, urls)| Ok((service.into(), instances(urls)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Discovery for StaticList {
    fn instances(&self, service: &str) -> Vec<Instance> {
        self.0.get(service).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_list_knows_its_services_and_no_others() {
        let list = StaticList::new([("session-mgr", ["http://10.0.0.7:3101/", "http://10.0.0.8:3101"])]).unwrap();
        let ids: Vec<String> = list.instances("session-mgr").iter().map(|instance| instance.id().to_string()).collect();
        assert_eq!(ids, ["http://10.0.0.7:3101", "http://10.0.0.8:3101"]);
        assert!(list.instances("token-mgr").is_empty());
    }

    #[test]
    fn an_address_that_cannot_be_called_is_refused_by_name() {
        for url in ["", "10.0.0.7:3101", "/here", "ftp://host", "https://host:1", "http://host/?q=1", "http:// host"] {
            let error = StaticList::new([("a", [url])]).unwrap_err().to_string();
            assert!(error.contains(url), "{error}");
        }
    }

    #[test]
    fn the_router_that_was_registered_last_answers() {
        let table = InProcess::new();
        assert!(table.instances("a").is_empty());
        table.register("a", Router::new());
        table.register("a", Router::new());
        assert_eq!(table.instances("a").len(), 1);
    }
}
