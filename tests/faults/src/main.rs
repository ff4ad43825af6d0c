//! The victim: two services in one process, one that writes and announces, one that listens and applies. It prints `ack <id>`
//! after each write that was acknowledged, until it is killed. With `drain` it writes nothing, waits until every event is
//! applied, and prints what both stores hold.
//!
//! The services borrow two names of the registry; what they do here is the test's own.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::cache::Cache;
use nexus_kernel::config::Config;
use nexus_kernel::discovery::InProcess;
use nexus_kernel::events::{Carrier, Delivery, Event, LocalCarrier, NatsCarrier};
use nexus_kernel::runtime::{Cloud, Environment};
use nexus_kernel::store::{FromRow, Migration, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Clock, Context, Problem, Service, TenantId, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const WRITER: &str = "ledger-mgr";
const LISTENER: &str = "scheduler";
const TASKS: usize = 8;
const TENANT: TenantId = TenantId(Uuid::from_u128(1));

const WRITER_SCHEMA: &[Migration] =
    &[Migration::new(1, "entries", "CREATE TABLE entry (id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL)")];
const LISTENER_SCHEMA: &[Migration] = &[Migration::new(
    1,
    "effects",
    "CREATE TABLE effect (entry_id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, applied BIGINT NOT NULL)",
)];

#[derive(Debug, Serialize, Deserialize)]
struct EntryWritten {
    id: Uuid,
}

impl Event for EntryWritten {
    const TYPE: &'static str = "ledger-mgr.entry.written.v1";
    const SOURCE: &'static str = WRITER;

    fn key(&self) -> String {
        self.id.to_string()
    }
}

async fn apply(_: &Context, tx: &mut Tx, event: Delivery<EntryWritten>) -> Result<(), Problem> {
    tx.execute(
        "INSERT INTO effect (entry_id, tenant_id, applied) VALUES ($1, :tenant, 1)
         ON CONFLICT (entry_id) DO UPDATE SET applied = effect.applied + 1",
        params![event.data.id],
    )
    .await?;
    Ok(())
}

struct Entry(String);

impl FromRow for Entry {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self(row.get("id")?))
    }
}

struct Effect {
    id: String,
    applied: i64,
}

impl FromRow for Effect {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.get("entry_id")?, applied: row.get("applied")? })
    }
}

fn services() -> Vec<Service> {
    vec![
        Service::new(WRITER).migrations(WRITER_SCHEMA),
        Service::new(LISTENER)
            .migrations(LISTENER_SCHEMA)
            .on::<EntryWritten>("apply", |context, tx, event| Box::pin(apply(context, tx, event))),
    ]
}

async fn start() -> Cloud {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let mut config = Config { data: PathBuf::from(variable("FAULTS_DATA")), ..Config::default() };
    config.store.postgres = variable("FAULTS_POSTGRES").as_str().into();
    let carrier: Arc<dyn Carrier> = match variable("FAULTS_NATS").as_str() {
        "" => Arc::new(LocalCarrier::new()),
        url => Arc::new(NatsCarrier::connect(url).await.expect("the bus can be addressed")),
    };
    let clock = Clock::system();
    let environment = Environment {
        config: Arc::new(config),
        carrier,
        cache: Cache::embedded(clock.clone()),
        clock,
        discovery: Arc::new(InProcess::new()),
    };
    Cloud::start(&environment, services()).await.expect("the services start")
}

async fn write(context: Context) {
    loop {
        let id = context.ids.next();
        let written = async {
            let mut tx = context.store.begin(TENANT).await?;
            tx.execute("INSERT INTO entry (id, tenant_id) VALUES ($1, :tenant)", params![id]).await?;
            tx.publish(&EntryWritten { id }).await?;
            tx.commit().await
        };
        // A write that failed was not acknowledged: it may be there or not.
        if written.await.is_ok() {
            let mut out = std::io::stdout().lock();
            writeln!(out, "ack {id}").and_then(|()| out.flush()).expect("the test reads our output");
        }
    }
}

async fn drain(cloud: &Cloud) {
    let writer = cloud.context_of(WRITER).expect("it runs");
    let listener = cloud.context_of(LISTENER).expect("it runs");
    let entries: Vec<Entry> = writer
        .store
        .read(Scope::System)
        .query("SELECT id FROM entry ORDER BY id", vec![])
        .await
        .expect("the store answers");
    let effects = nexus_testkit::eventually_within(Duration::from_mins(2), "every event to be applied", async || {
        let effects: Vec<Effect> = listener
            .store
            .read(Scope::System)
            .query("SELECT entry_id, applied FROM effect ORDER BY entry_id", vec![])
            .await
            .expect("the store answers");
        (effects.len() >= entries.len()).then_some(effects)
    })
    .await;
    let mut out = std::io::stdout().lock();
    for Entry(id) in entries {
        writeln!(out, "entry {id}").expect("the test reads our output");
    }
    for effect in effects {
        writeln!(out, "effect {} {}", effect.id, effect.applied).expect("the test reads our output");
    }
}

#[tokio::main]
async fn main() {
    let cloud = start().await;
    if std::env::args().nth(1).as_deref() == Some("drain") {
        drain(&cloud).await;
        cloud.shutdown().await;
        return;
    }
    let context = cloud.context_of(WRITER).expect("it runs").clone();
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(write(context.clone()))).collect();
    for task in tasks {
        task.await.expect("a writer does not end");
    }
}
