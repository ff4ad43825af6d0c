//! Applies events: the cursor's move and the handlers' effects in one transaction.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Notify;
use tracing::Instrument;

use super::outbox::number;
use super::parked::{self, Failure};
use super::{CloudEvent, Subscription};
use crate::context::Context;
use crate::params;
use crate::problem::Problem;
use crate::scope::{RequestScope, TraceContext};
use crate::store::{Scope, StoreError, Tx};

/// How many events are applied in one transaction at most: they share its commit.
pub(super) const TOGETHER: usize = 32;
/// A handler holds the store's writer, so one that hangs would stop the whole service.
const HANDLER_LIMIT: Duration = Duration::from_secs(30);

tokio::task_local! {
    static WAKES: RefCell<Vec<Arc<Notify>>>;
}

/// Within a handler, puts off waking a job until the handler's transaction is durable, as the job would not see what the
/// handler wrote before that; `false` elsewhere.
pub(crate) fn wake_after_commit(waker: &Arc<Notify>) -> bool {
    WAKES.try_with(|wakes| wakes.borrow_mut().push(Arc::clone(waker))).is_ok()
}

/// Commits, and then wakes what the handlers asked for.
async fn commit(tx: Tx) -> Result<(), StoreError> {
    tx.commit().await?;
    for waker in WAKES.with(RefCell::take) {
        waker.notify_one();
    }
    Ok(())
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The events are behind us: applied or parked.
    Done,
    /// The cursor or the parked event is no longer what it was: another instance, or a rewind, was faster.
    Overtaken,
}

enum Attempt {
    Ended(Outcome),
    Failed(String),
}

/// The subscriptions of one service to another's events.
#[derive(Clone)]
pub(super) struct Applier {
    pub(super) context: Context,
    pub(super) source: &'static str,
    pub(super) subscriptions: Arc<[Subscription]>,
}

impl Applier {
    /// Whether a handler wants this event.
    pub(super) fn wants(&self, event: &CloudEvent) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.kind == event.kind)
    }

    /// Moves the cursor over these events, the first of which follows it, and applies or parks each.
    pub(super) async fn apply(&self, cursor: u64, events: &[Arc<CloudEvent>]) -> Result<Outcome, StoreError> {
        let error = match self.attempt(cursor, events).await? {
            Attempt::Ended(outcome) => return Ok(outcome),
            Attempt::Failed(error) => error,
        };
        if let [event] = events {
            return self.park(cursor, event, &error).await;
        }
        // One of them fails, and must not keep the others: each alone.
        let mut cursor = cursor;
        for event in events {
            let outcome = Box::pin(self.apply(cursor, std::slice::from_ref(event))).await?;
            if outcome == Outcome::Overtaken {
                return Ok(outcome);
            }
            cursor = event.position;
        }
        Ok(Outcome::Done)
    }

    async fn attempt(&self, cursor: u64, events: &[Arc<CloudEvent>]) -> Result<Attempt, StoreError> {
        match WAKES.scope(RefCell::default(), self.attempt_inside(cursor, events)).await {
            Err(error) if broken_by_handler(&error) => Ok(Attempt::Failed(error.to_string())),
            other => other,
        }
    }

    async fn attempt_inside(&self, cursor: u64, events: &[Arc<CloudEvent>]) -> Result<Attempt, StoreError> {
        let Some(last) = events.last() else { return Ok(Attempt::Ended(Outcome::Done)) };
        let mut tx = self.context.store.begin(Scope::System).await?;
        if !move_cursor(&mut tx, self.source, cursor, last.position).await? {
            return Ok(Attempt::Ended(Outcome::Overtaken));
        }
        let some_wait = parked::any_waiting(&mut tx, self.source).await?;
        for event in events.iter().filter(|event| self.wants(event)) {
            if some_wait && parked::key_waits(&mut tx, event).await? {
                parked::park_behind(&mut tx, event).await?;
            } else if let Err(error) = self.handle(&mut tx, event).await {
                return Ok(Attempt::Failed(error));
            }
        }
        commit(tx).await?;
        Ok(Attempt::Ended(Outcome::Done))
    }

    /// Moves the cursor over an event that failed and parks it.
    async fn park(&self, cursor: u64, event: &CloudEvent, error: &str) -> Result<Outcome, StoreError> {
        let mut tx = self.context.store.begin(Scope::System).await?;
        if !move_cursor(&mut tx, self.source, cursor, event.position).await? {
            return Ok(Outcome::Overtaken);
        }
        let failure = Failure::first(tx.clock(), error);
        self.report(event, &failure);
        parked::park(&mut tx, event, &failure).await?;
        tx.commit().await?;
        Ok(Outcome::Done)
    }

    /// Tries a parked event again; whether it is no longer parked as waiting.
    pub(super) async fn retry(&self, event: &CloudEvent, attempts: u32) -> Result<bool, StoreError> {
        let error = match WAKES.scope(RefCell::default(), self.retry_inside(event, attempts)).await {
            Ok(Attempt::Ended(outcome)) => return Ok(outcome == Outcome::Done),
            Ok(Attempt::Failed(error)) => error,
            Err(error) if broken_by_handler(&error) => error.to_string(),
            Err(error) => return Err(error),
        };
        let mut tx = self.context.store.begin(Scope::System).await?;
        let failure = Failure::again(tx.clock(), attempts, &error);
        self.report(event, &failure);
        parked::failed_again(&mut tx, event, attempts, &failure).await?;
        tx.commit().await?;
        Ok(failure.is_last())
    }

    async fn retry_inside(&self, event: &CloudEvent, attempts: u32) -> Result<Attempt, StoreError> {
        let mut tx = self.context.store.begin(Scope::System).await?;
        if !parked::take(&mut tx, event, attempts).await? {
            return Ok(Attempt::Ended(Outcome::Overtaken));
        }
        if let Err(error) = self.handle(&mut tx, event).await {
            return Ok(Attempt::Failed(error));
        }
        commit(tx).await?;
        Ok(Attempt::Ended(Outcome::Done))
    }

    /// Runs every handler of the event in its tenant's scope and its trace. After an error the transaction must be dropped.
    async fn handle(&self, tx: &mut Tx, event: &CloudEvent) -> Result<(), String> {
        tx.rescope(Scope::Tenant(event.tenant));
        for subscription in self.subscriptions.iter().filter(|subscription| subscription.kind == event.kind) {
            let work = async { (subscription.handler)(&self.context, tx, event).await };
            let work = AssertUnwindSafe(work).catch_unwind();
            let work = tokio::time::timeout(HANDLER_LIMIT, work);
            let (scope, cause) = scope_of(event);
            let span = tracing::info_span!(
                "event",
                service = self.context.service,
                source = self.source,
                r#type = event.kind,
                position = event.position,
                handler = subscription.name,
                request_id = %scope.request_id,
                trace_id = format!("{:032x}", scope.trace.trace_id),
            );
            match scope.in_span(&span, cause).run(work).instrument(span).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(problem))) => return Err(described(subscription, &problem)),
                Ok(Err(_)) => return Err(format!("{}: it panicked; its log has the message", subscription.name)),
                Err(_) => return Err(format!("{}: it took longer than 30 s", subscription.name)),
            }
        }
        tx.rescope(Scope::System);
        Ok(())
    }

    fn report(&self, event: &CloudEvent, failure: &Failure) {
        let (service, source, position) = (self.context.service, self.source, event.position);
        let (kind, error, attempts) = (event.kind.as_str(), failure.error(), failure.attempts());
        if failure.is_last() {
            tracing::error!(service, source, position, kind, attempts, error, "an event is a dead letter now");
        } else {
            tracing::warn!(service, source, position, kind, attempts, error, "an event failed and will be tried again");
        }
    }
}

fn described(subscription: &Subscription, problem: &Problem) -> String {
    format!("{}: {problem}", subscription.name)
}

/// Whether the transaction can't go on for what a handler did in it and said nothing of, as ignoring a statement's error. Where
/// it was not the handler, parking the event fails in the same way.
fn broken_by_handler(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Aborted | StoreError::Conflict { .. } | StoreError::Constraint { .. } | StoreError::Database(_)
    )
}

/// What the event causes belongs to the trace that caused the event, whose span is the second value.
fn scope_of(event: &CloudEvent) -> (RequestScope, Option<TraceContext>) {
    let cause = event.traceparent.as_deref().and_then(|text| text.parse::<TraceContext>().ok());
    let scope = RequestScope {
        request_id: event.id.simple().to_string(),
        trace: cause.map_or_else(TraceContext::root, TraceContext::child),
        deadline: None,
    };
    (scope, cause)
}

/// Whether the cursor was where we think. It stays locked until the transaction ends, so of two instances one applies.
async fn move_cursor(tx: &mut Tx, source: &str, from: u64, to: u64) -> Result<bool, StoreError> {
    let moved = tx
        .execute(
            "UPDATE _cursors SET position = $3 WHERE source = $1 AND position = $2",
            params![source, number(from), number(to)],
        )
        .await?;
    Ok(moved == 1)
}
