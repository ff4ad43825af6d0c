//! Follows another service's log: hints while they come without a gap, the log itself otherwise.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use http::StatusCode;
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use super::apply::{Applier, Outcome, TOGETHER};
use super::outbox::{Head, Log, PASS, number};
use super::routes::{HEAD, LOG, Reached};
use super::{CloudEvent, Hints, Subscription, parked};
use crate::context::Context;
use crate::extract::header_text;
use crate::mesh::MeshError;
use crate::params;
use crate::store::{Query, Scalar, Scope, StoreError};

/// How often the publisher's log is looked into whatever the hints say, and parked events are tried. A lost hint delays an
/// event by at most this.
const TICK: Duration = Duration::from_secs(1);
/// How often the publisher is told how far we are while that changes, and how often in any case.
const REPORT: Duration = Duration::from_mins(1);
const REMINDER: Duration = Duration::from_hours(1);
/// How long it may take to hear that: a publisher that is slow keeps nobody from its log.
const REPORT_LIMIT: Duration = Duration::from_secs(2);
/// How long the publisher may take to send a part of its log.
const FETCH_LIMIT: Duration = Duration::from_secs(10);

/// Why events can't be applied now; it is tried again at the next tick.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConsumerError {
    #[error("our store: {0}")]
    Store(#[from] StoreError),
    #[error("the publisher can't be asked: {0}")]
    Publisher(#[from] MeshError),
    #[error("the publisher's reply does not say where its log ends")]
    NoHead,
    #[error(
        "events {} to {} of the publisher were deleted before they were applied here; put back a copy of its store that has \
         them, or delete our row of `_cursors` to go on without them",
        cursor + 1, log.before()
    )]
    Gone { cursor: u64, log: Log },
    #[error("the publisher's log goes on with {found} after {cursor}; events between them are missing")]
    Gap { cursor: u64, found: u64 },
    #[error(
        "the publisher's log ends at {head}, before {cursor}, where we are; was an older copy of its store put back?"
    )]
    Shorter { cursor: u64, head: u64 },
}

struct Consumer {
    applier: Applier,
    source: &'static str,
    /// The last event that is applied or parked; `None` when the store must be asked.
    cursor: Option<u64>,
    /// The publisher's log, once it was read: hints of another one, as of another installation on the same bus, are not for us.
    log: Option<Uuid>,
    hints: Option<Hints>,
    /// How far the publisher was told that we are, and when.
    told: Option<(u64, Instant)>,
    /// Whether the last pass succeeded, so that an outage is logged once.
    well: bool,
}

/// Runs until shutdown.
pub(super) async fn run(context: Context, source: &'static str, subscriptions: Arc<[Subscription]>) {
    let shutdown = context.shutdown.clone();
    let applier = Applier { context, source, subscriptions };
    let mut consumer = Consumer { applier, source, cursor: None, log: None, hints: None, told: None, well: true };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let result = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => consumer.tick().await,
            hints = next_hints(&mut consumer.hints) => consumer.follow(hints).await,
        };
        consumer.note(result);
    }
}

/// The hints that have arrived, at least one.
pub(super) async fn next_hints(hints: &mut Option<Hints>) -> Vec<Arc<CloudEvent>> {
    let Some(stream) = hints else { return std::future::pending().await };
    let mut arrived = Vec::new();
    let mut next = stream.next().await;
    while let Some(event) = next {
        arrived.push(event);
        if arrived.len() == TOGETHER {
            return arrived;
        }
        match stream.next().now_or_never() {
            Some(following) => next = following,
            None => return arrived,
        }
    }
    // The carrier ended them; the next tick listens anew.
    *hints = None;
    arrived
}

impl Consumer {
    fn note(&mut self, result: Result<(), ConsumerError>) {
        let (service, source) = (self.applier.context.service, self.source);
        match result {
            Ok(()) => self.well = true,
            Err(ConsumerError::Gone { cursor, log }) => self.miss(cursor, log),
            Err(error) => {
                self.cursor = None;
                if self.well {
                    tracing::warn!(service, source, %error, "events can't be applied now; trying again");
                } else {
                    tracing::debug!(service, source, %error, "events can still not be applied");
                }
                self.well = false;
            }
        }
    }

    /// Says loudly, and once, that events can never be applied here any more.
    fn miss(&mut self, cursor: u64, log: Log) {
        let (context, source) = (&self.applier.context, self.source);
        self.cursor = None;
        let error = format!("{source}: {}", ConsumerError::Gone { cursor, log });
        context.metrics.set_missing(source, log.before().saturating_sub(cursor));
        if context.missing.set(source, error.clone()) {
            tracing::error!(
                service = context.service,
                source,
                error,
                "events are missing; none that follow are applied"
            );
        }
    }

    /// Tells the publisher how far we are, so that it keeps what we still need. Until it heard of it, it keeps more.
    async fn report(&mut self) -> Result<(), ConsumerError> {
        let position = self.cursor().await?;
        let due = self.told.is_none_or(|(told, at)| {
            position < told || at.elapsed() >= REMINDER || (position > told && at.elapsed() >= REPORT)
        });
        if !due {
            return Ok(());
        }
        let context = &self.applier.context;
        let call = context.mesh.to(self.source).timeout(REPORT_LIMIT).put("/internal/events/cursor");
        match context.shutdown.run_until_cancelled(call.json(&Reached { position }).send()).await {
            Some(Ok(_)) => self.told = Some((position, Instant::now())),
            // One that deletes nothing: an earlier version of the program.
            Some(Err(error)) if error.status() == Some(StatusCode::NOT_FOUND) => {
                self.told = Some((position, Instant::now()));
            }
            Some(Err(error)) => {
                tracing::debug!(service = context.service, source = self.source, %error, "the publisher was not told how far we are");
            }
            None => {}
        }
        Ok(())
    }

    /// Listens, reads on in the log, and tries what is parked.
    async fn tick(&mut self) -> Result<(), ConsumerError> {
        if self.hints.is_none() {
            // Without hints the ticks alone bring events.
            self.hints = self.applier.context.carrier.subscribe(self.source).await.ok();
        }
        // A rewind, or another instance, may have moved it.
        self.cursor = None;
        retry_parked(&self.applier).await?;
        self.report().await?;
        self.catch_up().await
    }

    /// Applies hints that follow the cursor; reads the log when one is missing.
    async fn follow(&mut self, hints: Vec<Arc<CloudEvent>>) -> Result<(), ConsumerError> {
        let Some(log) = self.log else { return self.catch_up().await };
        let hints: Vec<_> = hints.into_iter().filter(|event| event.log == Some(log)).collect();
        let Some(newest) = hints.iter().map(|event| event.position).max() else { return Ok(()) };
        let cursor = self.cursor().await?;
        self.applier.context.metrics.set_lag(self.source, newest.saturating_sub(cursor));
        let next: Vec<_> = following(cursor, hints);
        self.apply(cursor, &next).await?;
        let cursor = self.cursor().await?;
        self.applier.context.metrics.set_lag(self.source, newest.saturating_sub(cursor));
        if cursor < newest { self.catch_up().await } else { Ok(()) }
    }

    /// Reads the log to its end.
    async fn catch_up(&mut self) -> Result<(), ConsumerError> {
        // Nothing is applied before the publisher knows of us: from then on it deletes nothing that we have yet to apply.
        if self.told.is_none() {
            return Ok(());
        }
        let context = self.applier.context.clone();
        loop {
            let cursor = self.cursor().await?;
            let Some(page) = context.shutdown.run_until_cancelled(fetch(&context, self.source, cursor)).await else {
                return Ok(());
            };
            let (Head { log, position: head }, events) = match page {
                Err(ConsumerError::Gone { cursor: 0, log }) => {
                    self.begin(log).await?;
                    continue;
                }
                other => other?,
            };
            if context.missing.clear(self.source) {
                context.metrics.set_missing(self.source, 0);
            }
            self.log = Some(log);
            context.metrics.set_lag(self.source, head.saturating_sub(cursor));
            if head < cursor {
                return Err(ConsumerError::Shorter { cursor, head });
            }
            let Some(first) = events.first().map(|event| event.position) else { return Ok(()) };
            let next = following(cursor, events);
            if next.is_empty() {
                return Err(ConsumerError::Gap { cursor, found: first });
            }
            self.apply(cursor, &next).await?;
            let reached = self.cursor().await?;
            context.metrics.set_lag(self.source, head.saturating_sub(reached));
            if reached >= head || context.shutdown.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// A new subscriber hears everything that the log still has.
    async fn begin(&mut self, log: Log) -> Result<(), ConsumerError> {
        let (context, source, before) = (&self.applier.context, self.source, log.before());
        let mut tx = context.store.begin(Scope::System).await?;
        let sql = "UPDATE _cursors SET position = $2 WHERE source = $1 AND position = 0";
        tx.execute(sql, params![source, number(before)]).await?;
        tx.commit().await?;
        self.cursor = None;
        tracing::error!(
            service = context.service,
            source,
            before,
            "a new subscriber begins without events that are gone"
        );
        Ok(())
    }

    /// Applies events of which the first follows the cursor; what nobody here wants only moves it.
    async fn apply(&mut self, mut cursor: u64, events: &[Arc<CloudEvent>]) -> Result<(), ConsumerError> {
        let mut rest = events;
        while !rest.is_empty() && !self.applier.context.shutdown.is_cancelled() {
            let (together, later) = rest.split_at(self.together(rest));
            rest = later;
            if self.applier.apply(cursor, together).await? == Outcome::Overtaken {
                self.cursor = None;
                return Ok(());
            }
            cursor = together.last().map_or(cursor, |last| last.position);
            self.cursor = Some(cursor);
        }
        Ok(())
    }

    /// How many of these go into one transaction.
    fn together(&self, events: &[Arc<CloudEvent>]) -> usize {
        let wanted = events.iter().enumerate().filter(|(_, event)| self.applier.wants(event));
        wanted.map(|(index, _)| index).nth(TOGETHER).unwrap_or(events.len())
    }

    async fn cursor(&mut self) -> Result<u64, ConsumerError> {
        if let Some(cursor) = self.cursor {
            return Ok(cursor);
        }
        let store = &self.applier.context.store;
        let sql = "SELECT position FROM _cursors WHERE source = $1";
        let known: Option<Scalar<u64>> = store.read(Scope::System).query_optional(sql, params![self.source]).await?;
        let cursor = if let Some(Scalar(cursor)) = known {
            cursor
        } else {
            let mut tx = store.begin(Scope::System).await?;
            let sql = "INSERT INTO _cursors (source, position) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            tx.execute(sql, params![self.source, number(0)]).await?;
            tx.commit().await?;
            0
        };
        self.cursor = Some(cursor);
        Ok(cursor)
    }
}

async fn retry_parked(applier: &Applier) -> Result<(), ConsumerError> {
    let context = &applier.context;
    let mut moved = true;
    // What is out of the way makes those behind it due.
    while moved && !context.shutdown.is_cancelled() {
        moved = false;
        for waiting in parked::due(&context.store, applier.source, context.clock.now()).await? {
            moved |= applier.retry(&waiting.event, waiting.attempts).await?;
        }
    }
    Ok(())
}

/// Where the publisher's log ends, and what follows a position in it.
pub(super) async fn fetch(
    context: &Context,
    source: &str,
    after: u64,
) -> Result<(Head, Vec<Arc<CloudEvent>>), ConsumerError> {
    let path = format!("/internal/events?after={after}&limit={PASS}");
    let reply = match context.mesh.to(source).timeout(FETCH_LIMIT).get(&path).send().await {
        Err(error) if error.status() == Some(StatusCode::GONE) => {
            return Err(ConsumerError::Gone { cursor: after, log: log_of(context, source).await? });
        }
        other => other?,
    };
    let position =
        header_text(reply.headers(), HEAD).and_then(|text| text.parse().ok()).ok_or(ConsumerError::NoHead)?;
    let log = header_text(reply.headers(), LOG).and_then(|text| text.parse().ok()).ok_or(ConsumerError::NoHead)?;
    Ok((Head { log, position }, reply.json::<Vec<CloudEvent>>().await?.into_iter().map(Arc::new).collect()))
}

/// What a publisher's log has.
pub(super) async fn log_of(context: &Context, source: &str) -> Result<Log, MeshError> {
    context.mesh.to(source).timeout(FETCH_LIMIT).get("/internal/events/log").send().await?.json().await
}

/// Those that follow the cursor without a gap; what is behind it already is left out.
pub(super) fn following(cursor: u64, events: Vec<Arc<CloudEvent>>) -> Vec<Arc<CloudEvent>> {
    let mut next = cursor + 1;
    let mut found = Vec::with_capacity(events.len());
    for event in events {
        if event.position == next {
            next += 1;
            found.push(event);
        }
    }
    found
}
