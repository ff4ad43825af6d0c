//! Where the instances of a service are, and how a process tells the others of its own.

mod dns;
mod in_process;
mod nats;
mod static_list;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use http::Uri;
use http::uri::{Authority, Scheme};

use crate::config::LoopbackUrl;

pub use dns::DnsDiscovery;
pub use in_process::InProcess;
pub use nats::{NatsDiscovery, NatsError};
pub use static_list::StaticList;

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
    /// In another process.
    Http(Arc<BaseUrl>),
}

/// Where another process listens: a URL without a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
}

/// A base URL that no call can be made to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the address of a service: expected https://host:port")]
pub struct InvalidAddress(String);

impl Instance {
    /// A copy in this process. The id tells it from the others of its service.
    pub fn local(id: impl Into<Arc<str>>, router: Router) -> Self {
        Self { id: id.into(), address: Address::Local(router) }
    }

    /// A copy in another process, as `https://10.0.0.7:3101`: between processes nothing goes unprotected.
    pub fn http(url: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(url.to_owned());
        let parts = url.parse::<Uri>().map_err(|_| invalid())?.into_parts();
        let path = parts.path_and_query.is_none_or(|path| path == "/");
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority)) if path && scheme == Scheme::HTTPS => Ok(Self {
                id: format!("{scheme}://{authority}").into(),
                address: Address::Http(Arc::new(BaseUrl { scheme, authority })),
            }),
            _ => Err(invalid()),
        }
    }

    /// Another program on this machine. Who calls is not proven to it, and it speaks HTTP/1.1.
    pub fn plain(url: &LoopbackUrl) -> Self {
        let (scheme, authority) = (Scheme::HTTP, url.authority().clone());
        let id = format!("{scheme}://{authority}").into();
        Self { id, address: Address::Http(Arc::new(BaseUrl { scheme, authority })) }
    }

    /// What tells it from the other instances of its service; the base URL when it has one.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    pub(crate) fn is_local(&self) -> bool {
        matches!(self.address, Address::Local(_))
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

/// An instance could not be announced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{service} could not be announced: {cause}")]
pub struct AnnounceError {
    /// The service.
    pub service: String,
    /// What is wrong.
    pub cause: String,
}

/// Tells the other processes of this one's instances.
#[async_trait]
pub trait Announce: Send + Sync + fmt::Debug {
    /// From now until [`Announce::withdraw`] the service has an instance at this base URL. What makes the others know it does
    /// so again by itself whenever it is forgotten.
    async fn announce(&self, service: &str, url: &str) -> Result<(), AnnounceError>;

    /// Takes back everything that was announced. Requests that are under way elsewhere may still arrive for a moment.
    async fn withdraw(&self);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_called_is_refused_by_name() {
        for url in
            ["", "10.0.0.7:3101", "/here", "http://host:1", "https://host/path", "https://host/?q=1", "https:// host"]
        {
            let error = Instance::http(url).unwrap_err().to_string();
            assert!(error.contains(url), "{error}");
        }
        for url in ["https://10.0.0.7:3101", "https://streamcore.internal:3101/", "https://[::1]:3101"] {
            assert_eq!(&**Instance::http(url).unwrap().id(), url.trim_end_matches('/'));
        }
    }
}
