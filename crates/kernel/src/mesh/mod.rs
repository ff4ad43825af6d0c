//! Calls between services, by name. A caller can't tell whether the other is in the same process.
//!
//! A call finds an instance ([`crate::discovery`]), goes there by the transport that it needs, and brings the caller's name, the
//! trace, the request's id and the deadline along. Failures count towards the instance's circuit breaker; calls that are
//! safe to repeat are repeated, at most twice and within a budget; one that could not even be sent is always safe. Among the instances whose breaker lets calls pass, the less
//! busy of two chosen at random is taken (power of two choices), or the same one for each key ([`Target::sticky`]).
//!
//! **What counts as a failure of an instance:** a connection that can't be made or breaks, no answer in time, and 502, 503
//! and 504, with which a server says itself that it can't serve now. 500 does not: it is the answer of a live instance to one
//! request, and counting it would let one client with one poisonous input close a service to everybody. Nor does a health
//! check's 503, which is the right answer to its question, or an asker who would not wait for a second.

mod balance;
mod body;
mod breaker;
mod budget;
mod call;
mod connector;
mod error;
mod forward;
mod headers;
mod http1;
mod request;
mod server;
pub mod tls;
mod transport;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use tokio::task::JoinSet;
use tracing::Span;

use crate::config::MeshConfig;
use crate::discovery::{Discovery, Instance};
use crate::telemetry;
use crate::time::Clock;

use tls::Identity;

pub use error::MeshError;
pub use headers::CALLER;
pub use request::{MeshRequest, MeshResponse};
pub use server::serve;

/// How much of one body may be under way. What a slow reader leaves lying holds nobody else up, as the whole connection may
/// have as much under way as there is (RFC 9113 section 6.9.1).
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// A service's way to the others; cheap to clone.
#[derive(Clone)]
pub struct Mesh(Arc<Inner>);

struct Inner {
    service: &'static str,
    discovery: Arc<dyn Discovery>,
    balancer: balance::Balancer,
    transport: transport::Transport,
    timeout: Duration,
    /// Connections that were upgraded and pass through here; they end with the mesh.
    tunnels: Mutex<JoinSet<()>>,
}

impl Mesh {
    /// The mesh as this service sees it. Without an identity it reaches the services of its own process alone.
    pub fn new(
        service: &'static str,
        discovery: Arc<dyn Discovery>,
        identity: Option<Arc<Identity>>,
        config: &MeshConfig,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            service,
            discovery,
            balancer: balance::Balancer::new(config.into(), clock),
            transport: transport::Transport::new(service, identity),
            timeout: Duration::from_secs(config.timeout_seconds.max(1)),
            tunnels: Mutex::default(),
        }))
    }

    /// What the service shows to other processes, if it speaks to any.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.0.transport.identity()
    }

    /// The service to call.
    pub fn to(&self, name: &str) -> Target {
        Target { mesh: self.clone(), service: name.to_owned(), sticky: None, timeout: None }
    }

    /// Whether the service runs in this process.
    pub fn is_here(&self, service: &str) -> bool {
        self.0.discovery.instances(service).iter().any(Instance::is_local)
    }
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mesh").field("service", &self.0.service).field("discovery", &self.0.discovery).finish()
    }
}

/// A service to call, and how.
#[derive(Debug, Clone)]
pub struct Target {
    mesh: Mesh,
    service: String,
    sticky: Option<String>,
    timeout: Option<Duration>,
}

impl Target {
    /// Calls of the same key go to the same instance while that is well.
    #[must_use]
    pub fn sticky(mut self, key: impl Into<String>) -> Self {
        self.sticky = Some(key.into());
        self
    }

    /// Waits this long instead of `mesh.timeout_seconds`, though never past the deadline of the request at hand.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// What a call to it is exported as, where traces are.
    fn span(&self, method: &Method) -> Span {
        tracing::info_span!(
            target: telemetry::TRACED,
            "call",
            service = self.mesh.0.service,
            callee = self.service,
            %method,
        )
    }

    /// A call by GET.
    pub fn get(self, path: &str) -> MeshRequest {
        MeshRequest::new(self, Method::GET, path)
    }

    /// A call by POST.
    pub fn post(self, path: &str) -> MeshRequest {
        MeshRequest::new(self, Method::POST, path)
    }

    /// A call by PUT.
    pub fn put(self, path: &str) -> MeshRequest {
        MeshRequest::new(self, Method::PUT, path)
    }

    /// A call by PATCH.
    pub fn patch(self, path: &str) -> MeshRequest {
        MeshRequest::new(self, Method::PATCH, path)
    }

    /// A call by DELETE.
    pub fn delete(self, path: &str) -> MeshRequest {
        MeshRequest::new(self, Method::DELETE, path)
    }
}

impl Inner {
    /// Runs a tunnel until it ends, or the mesh does.
    fn keep(&self, tunnel: impl Future<Output = ()> + Send + 'static) {
        let mut tunnels = self.tunnels.lock().unwrap_or_else(PoisonError::into_inner);
        while tunnels.try_join_next().is_some() {}
        tunnels.spawn(tunnel);
    }
}
