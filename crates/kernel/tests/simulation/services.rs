//! A service that writes, and one that listens, observes and has a singleton.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_kernel::events::{Delivery, Event};
use nexus_kernel::simulation::Simulation;
use nexus_kernel::store::{Migration, Query, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Context, Job, Problem, Service, TenantId, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) const WRITER: &str = "ledger-mgr";
pub(crate) const LISTENER: &str = "scheduler";
pub(crate) const TENANT: TenantId = TenantId(Uuid::from_u128(1));
/// How long the singleton's longest work takes: longer than a lease's term.
const LONG_WORK: Duration = Duration::from_secs(6);

static SCHEMA: [Migration; 1] = [Migration::new(
    1,
    "effects",
    "CREATE TABLE kept (turn BIGINT NOT NULL, tenant_id TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL);
     CREATE TABLE acts (number BIGINT NOT NULL);",
)];

/// Keeps what is deleted from the log, so that it can be checked who had applied it.
static TRIMMED: [Migration; 1] = [Migration::new(
    1,
    "trimmed",
    "CREATE TABLE trimmed (position BIGINT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL);
     CREATE TRIGGER trimming AFTER DELETE ON _outbox BEGIN
         INSERT INTO trimmed (position, key, text) VALUES (old.position, old.key, old.data ->> 'text');
     END;",
)];

/// The one event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Noted {
    pub(crate) key: String,
    pub(crate) text: String,
}

impl Event for Noted {
    const TYPE: &'static str = "ledger-mgr.thing.noted.v1";
    const SOURCE: &'static str = WRITER;

    fn key(&self) -> String {
        self.key.clone()
    }
}

/// How a listener's own code behaves, until all is calm.
#[derive(Clone)]
pub(crate) struct Temper {
    pub(crate) chance: Arc<Simulation>,
    pub(crate) calm: tokio_util::sync::CancellationToken,
    /// How probable it is that a handler fails after it has done its work.
    pub(crate) failing: f64,
}

impl Temper {
    fn happens(&self, probability: f64) -> bool {
        !self.calm.is_cancelled() && self.chance.happens(probability)
    }
}

/// The positions that an instance has observed, in order.
#[derive(Clone, Default)]
pub(crate) struct Sight(Arc<Mutex<Vec<u64>>>);

impl Sight {
    fn add(&self, position: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(position);
    }

    pub(crate) fn all(&self) -> Vec<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) fn writer() -> Service {
    Service::new(WRITER).migrations(&TRIMMED)
}

pub(crate) fn listener(temper: Temper, sight: Sight) -> Service {
    let (handling, leading) = (temper.clone(), temper);
    Service::new(LISTENER)
        .migrations(&SCHEMA)
        .on::<Noted>("keep", move |_, tx, event| {
            let temper = handling.clone();
            Box::pin(keep(temper, tx, event))
        })
        .observe::<Noted>("see", move |_, event| sight.add(event.position))
        .job(Job::singleton("act", Duration::from_secs(1), move |context| {
            let temper = leading.clone();
            Box::pin(act(temper, context))
        }))
}

async fn keep(temper: Temper, tx: &mut Tx, event: Delivery<Noted>) -> Result<(), Problem> {
    tx.execute(
        "INSERT INTO kept (turn, tenant_id, key, text) VALUES ((SELECT COUNT(*) FROM kept), :tenant, $1, $2)",
        params![event.data.key, event.data.text],
    )
    .await?;
    if temper.happens(0.05) {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    if temper.happens(temper.failing / 2.0) {
        let _ = tx.execute("INSERT INTO nowhere (tenant_id) VALUES (:tenant)", params![]).await;
    }
    if temper.happens(temper.failing) { Err(Problem::unavailable("not today")) } else { Ok(()) }
}

/// Reads the last number, takes its time, and writes the next: two that do so at once write the same number, unless all but
/// one are kept from it.
async fn act(temper: Temper, context: Context) -> Result<(), Problem> {
    for _ in 0..2 {
        let last: Scalar<u64> = context
            .store
            .read(Scope::System)
            .query_one("SELECT COALESCE(MAX(number), 0) AS number FROM acts", params![])
            .await?;
        if temper.happens(0.5) {
            tokio::time::sleep(LONG_WORK.mul_f64(temper.chance.chance())).await;
        }
        if temper.happens(0.15) {
            // It stands still here, without knowing, and may be followed by another leader.
            temper.chance.halt();
            tokio::task::yield_now().await;
        }
        let mut tx = context.store.begin(Scope::System).await?;
        let next = i64::try_from(last.0).map_err(Problem::internal)? + 1;
        tx.execute("INSERT INTO acts (number) VALUES ($1)", params![next]).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Publishes some events in one unit of work.
pub(crate) async fn write(context: &Context, events: &[Noted]) -> Result<(), StoreError> {
    let mut tx = context.store.begin(TENANT).await?;
    for event in events {
        tx.publish(event).await?;
    }
    tx.commit().await
}
