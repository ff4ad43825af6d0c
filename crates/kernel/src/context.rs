//! What a service's code can reach: its own store, the mesh, blobs, the clock, and nothing global.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::auth::{Principal, TokenVerifier};
use crate::authz::{Policies, Resource};
use crate::blobs::Blobs;
use crate::cache::Cache;
use crate::config::Config;
use crate::events::{self, Carrier};
use crate::ids::Ids;
use crate::mesh::Mesh;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::seal::Sealer;
use crate::store::Store;
use crate::time::Clock;

/// A service's handle on the kernel; cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Parts>);

/// The parts of a [`Context`].
pub struct Parts {
    /// The service's own name.
    pub service: &'static str,
    /// The service's own state.
    pub store: Store,
    /// The other services.
    pub mesh: Mesh,
    /// Files.
    pub blobs: Blobs,
    /// What may be forgotten.
    pub cache: Cache,
    /// The time.
    pub clock: Clock,
    /// New ids and secrets.
    pub ids: Ids,
    /// The configuration.
    pub config: Arc<Config>,
    /// Ends when the process is asked to stop.
    pub shutdown: CancellationToken,
    /// The service's metrics.
    pub metrics: Metrics,
    /// Verifies access tokens.
    pub tokens: TokenVerifier,
    /// Encrypts what the store must not show.
    pub(crate) sealer: Sealer,
    pub(crate) carrier: Arc<dyn Carrier>,
    pub(crate) missing: events::Missing,
    pub(crate) policies: Policies,
    pub(crate) wakers: HashMap<&'static str, Arc<Notify>>,
    pub(crate) states: OnceLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Deref for Context {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Context {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// What [`crate::Service::state`] made for this type.
    ///
    /// # Panics
    /// When the service declared no such state: a mistake in its definition that its first request shows.
    pub fn state<T: Any + Send + Sync>(&self) -> Arc<T> {
        self.0
            .states
            .get()
            .and_then(|states| states.get(&TypeId::of::<T>()))
            .and_then(|state| Arc::clone(state).downcast().ok())
            .expect("the service's definition declares this state")
    }

    /// Encrypts and decrypts what the store must not show, with keys that only this service has.
    pub fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }

    /// Runs a job of this service now instead of at its next time; from an event's handler, once what it wrote is durable.
    pub fn wake(&self, job: &str) {
        match self.0.wakers.get(job) {
            Some(waker) if events::wake_after_commit(waker) => {}
            Some(waker) => waker.notify_one(),
            None => tracing::error!(service = self.service, job, "no such job to wake"),
        }
    }

    /// 403 (or 401 for somebody not signed in) unless the token's scopes and the service's policies allow it.
    pub fn authorize(&self, principal: &Principal, action: &str, resource: &Resource) -> Result<(), Problem> {
        self.authorize_any(Some(principal), action, resource)
    }

    /// The same where the asker may be nobody.
    pub fn authorize_any(
        &self,
        principal: Option<&Principal>,
        action: &str,
        resource: &Resource,
    ) -> Result<(), Problem> {
        if let Some(principal) = principal {
            principal.must_have_scope(self.service, action)?;
        }
        if self.0.policies.allow(principal, action, resource)? {
            return Ok(());
        }
        Err(match principal {
            Some(_) => Problem::forbidden("forbidden", format!("your roles do not allow `{action}` here")),
            None => Problem::unauthorized("not-signed-in", "sign in to do this"),
        })
    }

    /// Whether scopes and policies allow it, for lists and for replies that must not tell a stranger that a thing exists.
    pub fn allows(&self, principal: Option<&Principal>, action: &str, resource: &Resource) -> Result<bool, Problem> {
        if principal.is_some_and(|principal| !principal.may(self.service, action)) {
            return Ok(false);
        }
        self.0.policies.allow(principal, action, resource)
    }

    /// The service's private folder for files that it works on; made at the first call.
    pub fn data_dir(&self) -> std::io::Result<PathBuf> {
        let folder = self.config.data.join("work").join(self.service);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("service", &self.service).finish_non_exhaustive()
    }
}
