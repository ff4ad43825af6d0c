//! Follows another service's log in memory: every instance sees every event, in order, without a transaction.
//!
//! The cursor is in memory. Where the service also applies events of the same publisher (`Service::on`), it begins where its store
//! is, read before the service answers or works: what is not observed is in the store, whenever its code looks there.
//! Otherwise it begins where the log ends when it can first be asked.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::consumer::{ConsumerError, fetch, following, next_hints};
use super::outbox::{Head, Log};
use super::{CloudEvent, Delivery, Event, Hints};
use crate::context::Context;
use crate::params;
use crate::store::{Query, Scalar, Scope, StoreError};

/// How often the publisher's log is looked into whatever the hints say: with the time to read it, an event whose hint was lost is
/// seen within a second.
const TICK: Duration = Duration::from_millis(500);

/// No log is as long: what follows it is nothing, and the reply says where the log ends.
const BEYOND: u64 = i64::MAX as u64;

type Handler = dyn Fn(&Context, &CloudEvent) -> Result<(), serde_json::Error> + Send + Sync;

/// What a service does in memory about one type of event.
pub struct Observation {
    name: &'static str,
    pub(super) source: &'static str,
    kind: &'static str,
    handler: Box<Handler>,
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation").field("name", &self.name).field("type", &self.kind).finish_non_exhaustive()
    }
}

impl Observation {
    /// Calls the handler for each event of type `E`; the name is for logs.
    pub fn new<E: Event>(name: &'static str, handler: impl Fn(&Context, Delivery<E>) + Send + Sync + 'static) -> Self {
        let erased = move |context: &Context, event: &CloudEvent| {
            handler(context, event.delivery::<E>()?);
            Ok(())
        };
        Self { name, source: E::SOURCE, kind: E::TYPE, handler: Box::new(erased) }
    }
}

/// Where this service's store is in a publisher's log; `None` when it applies none of its events.
pub(super) async fn applied(context: &Context, source: &str) -> Result<Option<u64>, StoreError> {
    // One that waits to be tried again is behind the cursor, and not in the store yet.
    let sql = "SELECT MIN(position) AS position FROM
                   (SELECT position FROM _cursors WHERE source = $1
                    UNION ALL SELECT position - 1 FROM _parked WHERE source = $1 AND state = 'waiting') AS reached";
    let Scalar(position): Scalar<Option<u64>> =
        context.store.read(Scope::System).query_one(sql, params![source]).await?;
    Ok(position)
}

struct Observer {
    context: Context,
    source: &'static str,
    observations: Vec<Observation>,
    cursor: Option<u64>,
    log: Option<Uuid>,
    hints: Option<Hints>,
    /// Whether the last pass succeeded, so that an outage is logged once.
    well: bool,
}

/// Runs until shutdown, and tells when it has looked into the log once. Without a cursor it begins at the log's end.
pub(super) async fn run(
    context: Context,
    source: &'static str,
    observations: Vec<Observation>,
    cursor: Option<u64>,
    looked: oneshot::Sender<()>,
) {
    let shutdown = context.shutdown.clone();
    let mut observer = Observer { context, source, observations, cursor, log: None, hints: None, well: true };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked = Some(looked);
    loop {
        let work = async {
            tokio::select! {
            biased;
                _ = ticks.tick() => observer.tick().await,
                hints = next_hints(&mut observer.hints) => observer.follow(hints).await,
            }
        };
        match shutdown.run_until_cancelled(work).await {
            Some(result) => observer.note(&result),
            None => return,
        }
        if let Some(looked) = looked.take() {
            // Nobody may wait for it any more.
            let _ = looked.send(());
        }
    }
}

impl Observer {
    fn note(&mut self, result: &Result<(), ConsumerError>) {
        if let Err(error) = result {
            let (service, source) = (self.context.service, self.source);
            if self.well {
                tracing::warn!(service, source, %error, "events can't be observed now; trying again");
            } else {
                tracing::debug!(service, source, %error, "events can still not be observed");
            }
        }
        self.well = result.is_ok();
    }

    async fn tick(&mut self) -> Result<(), ConsumerError> {
        if self.hints.is_none() {
            self.hints = self.context.carrier.subscribe(self.source).await.ok();
        }
        self.catch_up().await
    }

    /// Sees hints that follow the cursor; reads the log when one is missing.
    async fn follow(&mut self, hints: Vec<Arc<CloudEvent>>) -> Result<(), ConsumerError> {
        let (Some(log), Some(cursor)) = (self.log, self.cursor) else { return self.catch_up().await };
        let hints: Vec<_> = hints.into_iter().filter(|event| event.log == Some(log)).collect();
        let Some(newest) = hints.iter().map(|event| event.position).max() else { return Ok(()) };
        self.see(&following(cursor, hints));
        if self.cursor < Some(newest) { self.catch_up().await } else { Ok(()) }
    }

    /// Reads the log to its end.
    async fn catch_up(&mut self) -> Result<(), ConsumerError> {
        let Some(mut cursor) = self.cursor else {
            let (Head { log, position }, _) = fetch(&self.context, self.source, BEYOND).await?;
            self.place(log, position);
            return Ok(());
        };
        loop {
            let (Head { log, position: head }, events) = match fetch(&self.context, self.source, cursor).await {
                Err(ConsumerError::Gone { log, .. }) => {
                    cursor = self.skip(log);
                    continue;
                }
                other => other?,
            };
            let place = self.place(log, head);
            if place < cursor && head > place {
                // Another log, which is read from its own begin.
                cursor = place;
                continue;
            }
            self.see(&following(place, events));
            match self.cursor {
                Some(seen) if seen < head && seen > cursor => cursor = seen,
                _ => return Ok(()),
            }
        }
    }

    /// The process that has observed nothing for so long can only go on with what the publisher still has.
    fn skip(&mut self, log: Log) -> u64 {
        let (service, source, cursor, first) = (self.context.service, self.source, self.cursor, log.first);
        tracing::error!(service, source, cursor, first, "events were not observed, as they are gone");
        self.log = Some(log.id);
        self.cursor = Some(log.before());
        log.before()
    }

    /// Where to go on in a log that ends there: at its begin when it is another log than before, and never beyond its end, as it
    /// may be an older copy that was put back.
    fn place(&mut self, log: Uuid, head: u64) -> u64 {
        let another = self.log.replace(log).is_some_and(|before| before != log);
        let cursor = if another { 0 } else { self.cursor.unwrap_or(head).min(head) };
        self.cursor = Some(cursor);
        cursor
    }

    fn see(&mut self, events: &[Arc<CloudEvent>]) {
        for event in events {
            for observation in self.observations.iter().filter(|observation| observation.kind == event.kind) {
                let seen = catch_unwind(AssertUnwindSafe(|| (observation.handler)(&self.context, event)));
                let (service, source, position) = (self.context.service, self.source, event.position);
                match seen {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        tracing::error!(service, source, position, name = observation.name, %error, "an observed event can't be read");
                    }
                    Err(_) => {
                        tracing::error!(service, source, position, name = observation.name, "an observer panicked");
                    }
                }
            }
            self.cursor = Some(event.position);
        }
    }
}
