//! Composes services into a running cloud: opens their stores, builds their routers, starts their consumers and jobs.
//!
//! The binary and the tests use the same code, so that what is tested is what runs.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::TokenVerifier;
use crate::authz::{Policies, PolicyError};
use crate::blobs::{BlobError, Blobs};
use crate::cache::Cache;
use crate::config::Config;
use crate::context::{Context, Parts};
use crate::discovery::InProcess;
use crate::events::{self, Carrier};
use crate::ids::Ids;
use crate::mesh::Mesh;
use crate::mesh::tls::{Identity, TlsError};
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::seal::Sealer;
use crate::service::Service;
use crate::store::snapshot::Applied;
use crate::store::{Store, StoreConfig, StoreError, with_authorities};
use crate::time::Clock;
use crate::{jobs, layers, system_routes};

/// How long running work may take to end once shutdown begins.
const DRAIN: Duration = Duration::from_secs(20);

/// A cloud could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A service that `services.toml` does not declare.
    #[error("{0} is not in services.toml")]
    Unregistered(&'static str),
    /// A service that two programs would be.
    #[error("`mesh.plain.{0}` names another program for a service that runs in this one")]
    Twice(String),
    /// A store could not be opened or brought up to date.
    #[error("the store of {service}: {source}")]
    Store {
        /// Whose store.
        service: &'static str,
        /// Why.
        source: StoreError,
    },
    /// A policy file that can't be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The blob store can't be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The certificate that a service shows to others can't be had.
    #[error("{service}: {source}")]
    Identity {
        /// The service.
        service: &'static str,
        /// Why.
        source: TlsError,
    },
    /// An API document that can't be written.
    #[error("the API document of {service}: {source}")]
    Document {
        /// Whose document.
        service: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

/// What all services of a process share.
#[derive(Clone)]
pub struct Environment {
    /// The configuration.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// Carries events.
    pub carrier: Arc<dyn Carrier>,
    /// What may be forgotten.
    pub cache: Cache,
    /// Where calls find services.
    pub discovery: Arc<InProcess>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What a service needs, by name.
pub struct Readiness {
    dependencies: Vec<String>,
    /// Whether the service applies others' events, so that some of them can be missing.
    applies: bool,
    own: Vec<(&'static str, Box<OwnCheck>)>,
}

type OwnCheck = dyn Fn(Context) -> futures::future::BoxFuture<'static, Result<(), String>> + Send + Sync;

impl Readiness {
    pub(crate) fn names(&self) -> Vec<String> {
        let own = self.own.iter().map(|(name, _)| (*name).to_owned());
        let events = self.applies.then(|| events::Missing::CHECK.to_owned());
        let parts = ["store", "bus"].map(str::to_owned).into_iter().chain(events);
        parts.chain(self.dependencies.iter().cloned()).chain(own).collect()
    }

    /// Whether the service can do nothing without it. Other services are told of and not required: else one that is away would
    /// take all that call it out of rotation, and those that call them, up to the gateway.
    pub(crate) fn requires(&self, name: &str) -> bool {
        !self.dependencies.iter().any(|dependency| dependency == name)
    }

    pub(crate) async fn check(&self, context: &Context, name: &str) -> Result<(), String> {
        match name {
            "store" => context.store.ping().await.map_err(|error| error.to_string()),
            "bus" => context.carrier.ping().await.map_err(|error| error.to_string()),
            events::Missing::CHECK => context.missing.check(),
            _ => match self.own.iter().find(|(own, _)| *own == name) {
                Some((_, check)) => check(context.clone()).await,
                // Liveness, not readiness: a dependency's own readiness would walk the whole graph, and a cycle forever.
                None => context
                    .mesh
                    .to(name)
                    .get("/health/live")
                    .send()
                    .await
                    .map(|_| ())
                    .map_err(|error| error.to_string()),
            },
        }
    }
}

/// Services that run in this process.
pub struct Cloud {
    contexts: HashMap<&'static str, Context>,
    routers: HashMap<&'static str, Router>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

/// What a service does without being asked.
type Work = (Vec<events::Subscription>, Vec<events::Observation>, Vec<crate::Job>);

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cloud").field("services", &self.contexts.keys()).finish_non_exhaustive()
    }
}

impl Cloud {
    /// Opens stores, applies migrations, and starts the services.
    pub async fn start(environment: &Environment, services: Vec<Service>) -> Result<Self, StartError> {
        let mut cloud = Self {
            contexts: HashMap::new(),
            routers: HashMap::new(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let present: Vec<&'static str> = services.iter().map(Service::name).collect();
        for (service, servers) in &environment.config.mesh.plain {
            if present.contains(&service.as_str()) {
                return Err(StartError::Twice(service.clone()));
            }
            environment.discovery.register_plain(service, servers);
        }
        let mut started = Vec::new();
        for mut service in services {
            service.jobs.push(events::trimming());
            let context = cloud.context(environment, &service).await?;
            started.push((context.clone(), cloud.add(environment, context, service, &present)?));
        }
        // Work begins when every service can be called.
        for (context, (subscriptions, observations, jobs)) in started {
            let service = context.service;
            events::start(&context, subscriptions, observations, &cloud.tasks)
                .await
                .map_err(|source| StartError::Store { service, source })?;
            jobs::start(&context, jobs, &cloud.tasks);
        }
        Ok(cloud)
    }

    async fn context(&self, environment: &Environment, service: &Service) -> Result<Context, StartError> {
        let store = open_store(environment, service).await?;
        let config = Arc::clone(&environment.config);
        let mesh = mesh(environment, service.name)?;
        let wakers = service.jobs.iter().map(|job| (job.name, Arc::new(Notify::new()))).collect();
        let context = Context::new(Parts {
            service: service.name,
            blobs: Blobs::open(&config.blobs, &config.data)?,
            cache: environment.cache.clone(),
            ids: Ids::new(environment.clock.clone()),
            clock: environment.clock.clone(),
            shutdown: self.shutdown.clone(),
            metrics: Metrics::new(service.name),
            tokens: TokenVerifier::new(mesh.clone(), environment.clock.clone(), &config.public_url),
            sealer: Sealer::new(mesh.clone()),
            policies: Policies::parse(service.name, service.policies)?,
            carrier: Arc::clone(&environment.carrier),
            missing: events::Missing::default(),
            states: OnceLock::new(),
            config,
            mesh,
            store,
            wakers,
        });
        let states = service.states.iter().map(|(kind, make)| (*kind, make(&context))).collect();
        // The context was made just above: nobody else can have set its states.
        let _ = context.states.set(states);
        Ok(context)
    }

    fn add(
        &mut self,
        environment: &Environment,
        context: Context,
        service: Service,
        present: &[&'static str],
    ) -> Result<Work, StartError> {
        let name = service.name;
        let entry = Registry::built_in().service(name).ok_or(StartError::Unregistered(name))?;
        let document = service.document();
        let readiness = Readiness {
            dependencies: entry
                .deps
                .iter()
                .filter(|dep| present.contains(&dep.as_str()) || environment.discovery.expects(dep))
                .cloned()
                .collect(),
            applies: !service.subscriptions.is_empty(),
            own: service.ready,
        };
        let (own, _) = service.routes.split_for_parts();
        let system = system_routes::routes(Arc::new(readiness), &document)
            .map_err(|source| StartError::Document { service: name, source })?;
        let router = layers::around(own.merge(system).merge(events::routes()), &context, service.front.as_deref());
        environment.discovery.register(name, router.clone());
        self.routers.insert(name, router);
        self.contexts.insert(name, context);
        Ok((service.subscriptions, service.observations, service.jobs))
    }

    /// The router of a service, as the mesh calls it.
    pub fn router(&self, service: &str) -> Option<Router> {
        self.routers.get(service).cloned()
    }

    /// The context of a service.
    pub fn context_of(&self, service: &str) -> Option<&Context> {
        self.contexts.get(service)
    }

    /// Ends when shutdown begins.
    pub fn shutdown_token(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Begins shutdown and waits for running work, at most 20 s.
    pub async fn shutdown(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("some work did not end in time and was left; it will be taken up at the next start");
        }
        for context in self.contexts.values() {
            context.store.close().await;
        }
    }
}

fn mesh(environment: &Environment, service: &'static str) -> Result<Mesh, StartError> {
    let (config, clock) = (&environment.config.mesh, &environment.clock);
    let identity = Identity::configured(service, config, clock.clone());
    let identity = identity.map_err(|source| StartError::Identity { service, source })?.map(Arc::new);
    Ok(Mesh::new(service, Arc::clone(&environment.discovery) as _, identity, config, clock.clone()))
}

/// Brings the stores of these services up to date and starts nothing; how many there are.
pub async fn migrate(environment: &Environment, services: &[Service]) -> Result<usize, StartError> {
    for service in services {
        open_store(environment, service).await?.close().await;
    }
    Ok(services.len())
}

async fn open_store(environment: &Environment, service: &Service) -> Result<Store, StartError> {
    open_current(&environment.config, &environment.clock, service).await
}

/// Where a service's state is.
pub fn store_of(config: &Config, service: &str) -> StoreConfig {
    let postgres = config.store.postgres.expose();
    if postgres.is_empty() {
        return StoreConfig::Sqlite { path: config.data.join("state").join(format!("{service}.sqlite")) };
    }
    let url = with_authorities(postgres, &config.store.ca).into_owned();
    StoreConfig::Postgres { url, schema: service.replace('-', "_"), pool: config.store.pool }
}

/// A service's store with its schema as this program needs it.
pub async fn open_current(config: &Config, clock: &Clock, service: &Service) -> Result<Store, StartError> {
    let failed = |source| StartError::Store { service: service.name, source };
    let store = Store::open(store_of(config, service.name), service.name, clock.clone()).await.map_err(failed)?;
    store.migrate(service.migrations).await.map_err(failed)?;
    Ok(store)
}

/// A service's new store with its schema as another copy of the state had it.
pub async fn open_as(
    config: &Config,
    clock: &Clock,
    service: &Service,
    applied: &[Applied],
) -> Result<Store, StartError> {
    let failed = |source| StartError::Store { service: service.name, source };
    let store = Store::open(store_of(config, service.name), service.name, clock.clone()).await.map_err(failed)?;
    store.migrate_as(service.migrations, applied).await.map_err(failed)?;
    Ok(store)
}
