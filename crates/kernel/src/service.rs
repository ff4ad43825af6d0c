//! A service's definition: a value that reads as a table of contents.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::future::BoxFuture;
use utoipa::openapi::{Content, Info, OpenApi, PathItem, RefOr};
use utoipa_axum::router::OpenApiRouter;

use crate::context::Context;
use crate::events::{Delivery, Event, Observation, Subscription};
use crate::problem::{self, Problem};
use crate::registry::Registry;
use crate::store::{Migration, Tx};

type ReadyCheck = dyn Fn(Context) -> BoxFuture<'static, Result<(), String>> + Send + Sync;
type StateMaker = dyn Fn(&Context) -> Arc<dyn Any + Send + Sync> + Send + Sync;
pub(crate) type Front = dyn Fn(Router<Context>, &Context) -> Router<Context> + Send + Sync;
type JobBody = dyn Fn(Context) -> BoxFuture<'static, Result<(), Problem>> + Send + Sync;

/// A service: its name, and what it brings. Everything that is the same for all services, the kernel adds.
pub struct Service {
    pub(crate) name: &'static str,
    pub(crate) migrations: &'static [Migration],
    pub(crate) policies: &'static str,
    pub(crate) routes: OpenApiRouter<Context>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) observations: Vec<Observation>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) ready: Vec<(&'static str, Box<ReadyCheck>)>,
    pub(crate) states: Vec<(TypeId, Box<StateMaker>)>,
    pub(crate) front: Option<Box<Front>>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Service {
    /// A service of this name; `services.toml` knows its port, routes and dependencies.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            migrations: &[],
            policies: "",
            routes: OpenApiRouter::new(),
            subscriptions: Vec::new(),
            observations: Vec::new(),
            jobs: Vec::new(),
            ready: Vec::new(),
            states: Vec::new(),
            front: None,
        }
    }

    /// The service's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The document of its routes, headed by what `services.toml` says about it.
    pub fn document(&self) -> OpenApi {
        let purpose = Registry::built_in().service(self.name).map(|entry| entry.purpose.clone());
        let mut document = self.routes.get_openapi().clone();
        document.info =
            Info::builder().title(self.name).description(purpose).version(env!("CARGO_PKG_VERSION")).build();
        mark_problems(&mut document);
        document
    }

    /// The steps that make its schema, oldest first.
    #[must_use]
    pub fn migrations(mut self, migrations: &'static [Migration]) -> Self {
        self.migrations = migrations;
        self
    }

    /// Who may do what, in Cedar; without policies nothing that asks for permission is allowed.
    #[must_use]
    pub fn policies(mut self, cedar: &'static str) -> Self {
        self.policies = cedar;
        self
    }

    /// Its HTTP routes, with full paths as the gateway forwards them. Those under `/internal/` are for other services only.
    #[must_use]
    pub fn routes(mut self, routes: OpenApiRouter<Context>) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// Puts layers around all of its routes, the kernel's own included, once its context is there. Inside the request's scope
    /// and measurement, outside everything else.
    #[must_use]
    pub fn front(
        mut self,
        front: impl Fn(Router<Context>, &Context) -> Router<Context> + Send + Sync + 'static,
    ) -> Self {
        self.front = Some(Box::new(front));
        self
    }

    /// Applies every event of this type, once, inside the transaction that records it as applied. The handler must not call
    /// other services, as it holds the store's writer: it records what is to do and wakes a job.
    #[must_use]
    pub fn on<E: Event>(
        mut self,
        name: &'static str,
        handler: impl for<'a> Fn(&'a Context, &'a mut Tx, Delivery<E>) -> BoxFuture<'a, Result<(), Problem>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.subscriptions.push(Subscription::new::<E>(name, handler));
        self
    }

    /// Shows every event of this type to every instance, in order and in its memory: for what each instance must know at once,
    /// as which sessions were ended. The handler must be quick and bear an event that it has seen before. With [`Service::on`]
    /// for the same publisher, what an instance does not observe since its start is in the store; without it, observing begins with what
    /// is published after the publisher was first reached.
    #[must_use]
    pub fn observe<E: Event>(
        mut self,
        name: &'static str,
        handler: impl Fn(&Context, Delivery<E>) + Send + Sync + 'static,
    ) -> Self {
        self.observations.push(Observation::new::<E>(name, handler));
        self
    }

    /// Work that the service does by itself.
    #[must_use]
    pub fn job(mut self, job: Job) -> Self {
        self.jobs.push(job);
        self
    }

    /// A part that the service can't do without; the error says what is wrong and what to do.
    #[must_use]
    pub fn ready(
        mut self,
        name: &'static str,
        check: impl Fn(Context) -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    ) -> Self {
        self.ready.push((name, Box::new(check)));
        self
    }

    /// A value made once at start, that handlers reach by [`Context::state`].
    #[must_use]
    pub fn state<T: Any + Send + Sync>(mut self, make: impl Fn(&Context) -> T + Send + Sync + 'static) -> Self {
        self.states.push((TypeId::of::<T>(), Box::new(move |context| Arc::new(make(context)))));
        self
    }
}

/// Work at intervals, or when woken. One run at a time; a run that fails is logged and comes again.
pub struct Job {
    pub(crate) name: &'static str,
    pub(crate) period: Duration,
    pub(crate) body: Arc<JobBody>,
    pub(crate) place: Place,
}

/// Where a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On every instance of its service.
    Everywhere,
    /// On one instance at a time.
    OneInstance,
}

impl Job {
    /// Runs at start, then this long after each end, and whenever [`Context::wake`] names it.
    pub fn every(
        name: &'static str,
        period: Duration,
        body: impl Fn(Context) -> BoxFuture<'static, Result<(), Problem>> + Send + Sync + 'static,
    ) -> Self {
        Self { name, period, body: Arc::new(body), place: Place::Everywhere }
    }

    /// The same on one instance of the service at a time, whichever is first to see that it is due: it holds a lease while it
    /// runs, and is stopped when it loses it. What it commits to the service's store is fenced: after another instance took
    /// over, a commit ends with [`crate::store::StoreError::Fenced`] and changes nothing. Tasks that the body spawns are not
    /// fenced. A wake runs it once more, here or wherever it runs then.
    pub fn singleton(
        name: &'static str,
        period: Duration,
        body: impl Fn(Context) -> BoxFuture<'static, Result<(), Problem>> + Send + Sync + 'static,
    ) -> Self {
        Self { place: Place::OneInstance, ..Self::every(name, period, body) }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("name", &self.name).field("period", &self.period).finish_non_exhaustive()
    }
}

/// Refusals are problem documents (RFC 9457 section 3), though a route's annotation names only the body and utoipa takes
/// every body for JSON.
fn mark_problems(document: &mut OpenApi) {
    const JSON: &str = "application/json";
    let operations = document.paths.paths.values_mut().flat_map(|item| {
        let PathItem { get, put, post, delete, options, head, patch, .. } = item;
        [get, put, post, delete, options, head, patch].into_iter().flatten()
    });
    for response in operations.flat_map(|operation| operation.responses.responses.values_mut()) {
        let RefOr::T(response) = response else { continue };
        if response.content.get(JSON).is_some_and(is_problem)
            && let Some(content) = response.content.shift_remove(JSON)
        {
            response.content.insert(problem::MEDIA_TYPE.to_owned(), content);
        }
    }
}

fn is_problem(content: &RefOr<Content>) -> bool {
    let RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) = content else { return false };
    schema.ref_location.ends_with("/ProblemDetails")
}
