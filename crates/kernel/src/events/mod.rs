//! Events: what one service announces and others react to, each applied exactly once.
//!
//! The database is the log, the bus only carries it ([`Carrier`]). [`Tx::publish`] inserts into the publisher's outbox, a relay
//! hints to whoever listens, and each subscriber keeps a cursor that moves in the transaction that applies the event. A
//! subscriber that misses hints reads the publisher's log over the mesh, so that a bus that loses everything only delays.
//! Old events that every subscriber has applied are deleted.
//!
//! Events of one key are applied in the order in which they were published. One that fails is parked and tried again; later
//! events of its key park behind it. After the last attempt it is a dead letter: it stays until somebody replays it, and the
//! events behind it go on without it, as one event that can never succeed must not stop a key forever. A dead letter that
//! is replayed is therefore applied after younger events of its key.

mod apply;
mod carrier;
mod cloud_event;
mod consumer;
mod missing;
mod nats;
mod observer;
mod outbox;
mod parked;
mod relay;
mod routes;
mod schema;
mod trim;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, ready};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::context::Context;
use crate::ids::TenantId;
use crate::problem::Problem;
use crate::simulation;
use crate::store::{StoreError, Tx};
use crate::time::Timestamp;

pub(crate) use apply::wake_after_commit;
pub use carrier::{Carrier, CarrierError, Hints, LocalCarrier};
pub use cloud_event::CloudEvent;
pub(crate) use missing::Missing;
pub use nats::NatsCarrier;
pub use observer::Observation;
pub use parked::DeadLetter;
pub use routes::{DeadLetters, Rewind, routes};
pub(crate) use schema::SCHEMA;
pub(crate) use trim::{SCHEMA as SUBSCRIBERS, job as trimming};

/// How long a service that observes events waits at its start for its first look into the log.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Something that happened, as other services hear of it.
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name, with its version: `<service>.<thing>.<past tense>.v1`.
    const TYPE: &'static str;
    /// The service that publishes it.
    const SOURCE: &'static str;

    /// Events of a tenant with the same key are applied in the order in which they were published.
    fn key(&self) -> String;
}

/// An event as its handler gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<E> {
    /// What happened.
    pub data: E,
    /// The event's own id.
    pub id: Uuid,
    /// Whose data it is about; the handler's statements run in this tenant's scope.
    pub tenant: TenantId,
    /// Its number in the publisher's log.
    pub position: u64,
    /// When it was published.
    pub time: Timestamp,
}

type Handler = dyn for<'a> Fn(&'a Context, &'a mut Tx, &CloudEvent) -> BoxFuture<'a, Result<(), Problem>> + Send + Sync;

/// A service's reaction to one type of event.
pub struct Subscription {
    name: &'static str,
    source: &'static str,
    kind: &'static str,
    handler: Box<Handler>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("name", &self.name).field("type", &self.kind).finish_non_exhaustive()
    }
}

impl Subscription {
    /// Calls the handler for each event of type `E`; the name is for logs.
    pub fn new<E: Event>(
        name: &'static str,
        handler: impl for<'a> Fn(&'a Context, &'a mut Tx, Delivery<E>) -> BoxFuture<'a, Result<(), Problem>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { name, source: E::SOURCE, kind: E::TYPE, handler: Box::new(erased(handler)) }
    }
}

fn erased<E: Event>(
    handler: impl for<'a> Fn(&'a Context, &'a mut Tx, Delivery<E>) -> BoxFuture<'a, Result<(), Problem>> + Send + Sync,
) -> impl for<'a> Fn(&'a Context, &'a mut Tx, &CloudEvent) -> BoxFuture<'a, Result<(), Problem>> + Send + Sync {
    move |context, tx, event| match event.delivery::<E>() {
        Ok(delivery) => handler(context, tx, delivery),
        Err(error) => {
            let detail = format!("the data is not what a {} is made of: {error}", E::TYPE);
            Box::pin(ready(Err(Problem::unprocessable("unreadable-event", detail))))
        }
    }
}

/// Starts the relay of the service's own events, and one consumer and one observer for each service that it listens to.
pub(crate) async fn start(
    context: &Context,
    subscriptions: Vec<Subscription>,
    observations: Vec<Observation>,
    tasks: &TaskTracker,
) -> Result<(), StoreError> {
    let clock = &context.clock;
    simulation::spawn(clock, tasks, relay::run(context.clone()));
    let mut observed = BTreeMap::<&'static str, Vec<Observation>>::new();
    for observation in observations {
        observed.entry(observation.source).or_default().push(observation);
    }
    for (source, observations) in observed {
        let applies = subscriptions.iter().any(|subscription| subscription.source == source);
        let reached = observer::applied(context, source).await?;
        let cursor = if applies { Some(reached.unwrap_or(0)) } else { None };
        let (looked, first_look) = oneshot::channel();
        simulation::spawn(clock, tasks, observer::run(context.clone(), source, observations, cursor, looked));
        // What happened while no process ran is seen before the first request; a publisher that is down is not waited for.
        let _ = timeout(FIRST_LOOK, first_look).await;
    }
    let mut sources = BTreeMap::<&'static str, Vec<Subscription>>::new();
    for subscription in subscriptions {
        sources.entry(subscription.source).or_default().push(subscription);
    }
    for (source, subscriptions) in sources {
        simulation::spawn(clock, tasks, consumer::run(context.clone(), source, Arc::from(subscriptions)));
    }
    Ok(())
}
