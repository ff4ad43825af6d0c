//! A cloud for one test.

use std::path::Path;
use std::sync::Arc;

use http::Method;
use nexus_kernel::auth::AccessClaims;
use nexus_kernel::cache::Cache;
use nexus_kernel::config::Config;
use nexus_kernel::discovery::InProcess;
use nexus_kernel::events::{Carrier, LocalCarrier};
use nexus_kernel::registry::Registry;
use nexus_kernel::runtime::{Cloud, Environment};
use nexus_kernel::{Clock, Context, Service, Timestamp};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::backend::{Backend, Database};
use crate::keeper::key_keeper;
use crate::person::{Person, key_publisher, sign};
use crate::request::Request;

/// Services that run for one test. When `token-mgr` is not among them, tokens of [`Testkit::token`] are good; when `key-service` is
/// not, what the others seal is only disguised.
#[derive(Debug)]
pub struct Testkit {
    /// The time that the services see.
    pub clock: Clock,
    /// The running services.
    pub cloud: Cloud,
    environment: Environment,
    folder: Arc<TempDir>,
    database: Option<Arc<Database>>,
}

impl Testkit {
    /// Starts these services on a backend.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start(backend: Backend, services: Vec<Service>) -> Self {
        Self::start_with(backend, services, |_| {}).await
    }

    /// Starts these services on a backend with a configuration of the test's own.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start_with(backend: Backend, services: Vec<Service>, adjust: impl FnOnce(&mut Config)) -> Self {
        Self::boot(backend, Arc::new(LocalCarrier::new()), services, adjust).await
    }

    /// Starts these services on a backend with a carrier of the test's own.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start_carried_by(backend: Backend, carrier: Arc<dyn Carrier>, services: Vec<Service>) -> Self {
        Self::boot(backend, carrier, services, |_| {}).await
    }

    async fn boot(
        backend: Backend,
        carrier: Arc<dyn Carrier>,
        services: Vec<Service>,
        adjust: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().expect("the system's temporary folder can be written");
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(Database::create().await),
        };
        let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
        "http://nexus.test".clone_into(&mut config.public_url);
        config.store.pool = 4;
        if let Some(database) = &database {
            config.store.postgres = database.url.as_str().into();
        }
        adjust(&mut config);
        // The machine's time to begin with, as file times and other programs know only that.
        let clock = Clock::manual(Clock::system().now());
        let environment = Environment {
            cache: cache(&config, &clock).await,
            config: Arc::new(config),
            clock: clock.clone(),
            carrier,
            discovery: Arc::new(InProcess::new()),
        };
        let cloud = start(&environment, services).await;
        Self { clock, cloud, environment, folder: Arc::new(folder), database: database.map(Arc::new) }
    }

    /// Stops all services and starts these on what the others left: the same state, files, configuration, carrier and time.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub async fn restart(self, services: Vec<Service>) -> Self {
        self.cloud.shutdown().await;
        let cache = cache(&self.environment.config, &self.clock).await;
        let environment = Environment { cache, discovery: Arc::new(InProcess::new()), ..self.environment };
        let cloud = start(&environment, services).await;
        Self { cloud, environment, ..self }
    }

    /// Starts these services once more on the same state, as another process does: with a cache and a table of services of its
    /// own, and its own way to the bus.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn another(&self, carrier: Arc<dyn Carrier>, services: Vec<Service>) -> Self {
        let cache = cache(&self.environment.config, &self.clock).await;
        let discovery = Arc::new(InProcess::new());
        let environment = Environment { cache, discovery, carrier, ..self.environment.clone() };
        let cloud = start(&environment, services).await;
        let (clock, folder, database) = (self.clock.clone(), Arc::clone(&self.folder), self.database.clone());
        Self { clock, cloud, environment, folder, database }
    }

    /// The folder that holds this cloud's files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A service's context.
    ///
    /// # Panics
    /// When the service does not run.
    pub fn context(&self, service: &str) -> &Context {
        self.cloud.context_of(service).expect("the service runs in this test")
    }

    /// An access token for the person.
    pub fn token(&self, person: &Person) -> String {
        sign(&person.claims(self.clock.now()))
    }

    /// An access token with these changes to its claims.
    ///
    /// # Panics
    /// When the changed claims are no claims.
    pub fn token_with(&self, person: &Person, changes: Map<String, Value>) -> String {
        let mut claims = serde_json::to_value(person.claims(self.clock.now())).expect("claims are JSON");
        claims.as_object_mut().expect("claims are an object").extend(changes);
        sign(&serde_json::from_value::<AccessClaims>(claims).expect("the changed claims are claims"))
    }

    /// Now, as the services see it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A request to the service whose route it is, or to the gateway when that runs.
    ///
    /// # Panics
    /// When no running service has this route.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let bare = path.split('?').next().unwrap_or(path);
        let service = match self.cloud.router("backend-api") {
            Some(_) => "backend-api",
            None => Registry::built_in().route(bare).map_or("", |entry| entry.name.as_str()),
        };
        self.request_to(service, method, path)
    }

    /// A request to one service, whatever its routes.
    ///
    /// # Panics
    /// When the service does not run.
    pub fn request_to(&self, service: &str, method: Method, path: &str) -> Request {
        let router = self.cloud.router(service).unwrap_or_else(|| panic!("no running service answers {path}"));
        Request::new(router, method, path)
    }

    /// GET.
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// POST.
    pub fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    /// PUT.
    pub fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    /// PATCH.
    pub fn patch(&self, path: &str) -> Request {
        self.request(Method::PATCH, path)
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }
}

/// This cloud's own memory, or the Redis server that the test's configuration names.
async fn cache(config: &Config, clock: &Clock) -> Cache {
    match config.cache.redis.expose() {
        "" => Cache::embedded(clock.clone()),
        url => Cache::redis(url, clock.clone()).await.expect("the Redis server of the test answers"),
    }
}

async fn start(environment: &Environment, services: Vec<Service>) -> Cloud {
    if !services.iter().any(|service| service.name() == "token-mgr") {
        environment.discovery.register("token-mgr", key_publisher());
    }
    if !services.iter().any(|service| service.name() == "key-service") {
        environment.discovery.register("key-service", key_keeper());
    }
    Cloud::start(environment, services).await.expect("the services start")
}
