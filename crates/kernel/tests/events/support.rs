//! A service that notes things, and one that keeps what it hears, unless the test has it fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, StatusCode};
use nexus_kernel::events::{CloudEvent, DeadLetter, DeadLetters, Delivery, Event};
use nexus_kernel::scope::RequestScope;
use nexus_kernel::store::{FromRow, Migration, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Problem, Service, TenantId, params};
use nexus_testkit::{Testkit, eventually};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub(crate) const WRITER: &str = "ledger-mgr";
pub(crate) const LISTENER: &str = "scheduler";
pub(crate) const ONE: TenantId = TenantId(Uuid::from_u128(1));
pub(crate) const OTHER: TenantId = TenantId(Uuid::from_u128(2));

static SCHEMA: [Migration; 1] = [Migration::new(
    1,
    "kept",
    "CREATE TABLE kept (turn BIGINT NOT NULL, tenant_id TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, trace TEXT)",
)];

/// The one event of these tests.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Noted {
    pub(crate) key: String,
    pub(crate) text: String,
}

impl Noted {
    pub(crate) fn new(key: &str, text: impl Into<String>) -> Self {
        Self { key: key.to_owned(), text: text.into() }
    }
}

impl Event for Noted {
    const TYPE: &'static str = "ledger-mgr.thing.noted.v1";
    const SOURCE: &'static str = WRITER;

    fn key(&self) -> String {
        self.key.clone()
    }
}

/// An event of the same source that nobody listens to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ignored {}

impl Event for Ignored {
    const TYPE: &'static str = "ledger-mgr.thing.ignored.v1";
    const SOURCE: &'static str = WRITER;

    fn key(&self) -> String {
        String::new()
    }
}

/// How a handler fails.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Refuses,
    Panics,
    BreaksItsStatement,
    HidesABrokenStatement,
}

/// Which texts the listener fails at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<HashMap<String, Fault>>>);

impl Faults {
    pub(crate) fn set(&self, text: &str, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned(), fault);
    }

    pub(crate) fn heal(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn of(&self, text: &str) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(text).copied()
    }
}

/// Keeps the event first and fails then, so that a trace of it would show.
async fn keep(faults: Faults, tx: &mut Tx, event: Delivery<Noted>) -> Result<(), Problem> {
    let trace = RequestScope::current().map(|scope| format!("{:032x}", scope.trace.trace_id));
    tx.execute(
        "INSERT INTO kept (turn, tenant_id, key, text, trace) VALUES ((SELECT COUNT(*) FROM kept), :tenant, $1, $2, $3)",
        params![event.data.key.as_str(), event.data.text.as_str(), trace],
    )
    .await?;
    match faults.of(&event.data.text) {
        None => Ok(()),
        Some(Fault::Refuses) => Err(Problem::unavailable("not today")),
        Some(Fault::Panics) => panic!("the test wants it"),
        Some(Fault::BreaksItsStatement) => {
            tx.execute("INSERT INTO nowhere (tenant_id) VALUES (:tenant)", params![]).await?;
            Ok(())
        }
        Some(Fault::HidesABrokenStatement) => {
            let _ = tx.execute("INSERT INTO nowhere (tenant_id) VALUES (:tenant)", params![]).await;
            Ok(())
        }
    }
}

pub(crate) fn services(faults: &Faults) -> Vec<Service> {
    let faults = faults.clone();
    let listener = Service::new(LISTENER).migrations(&SCHEMA).on::<Noted>("keep", move |_, tx, event| {
        let faults = faults.clone();
        Box::pin(keep(faults, tx, event))
    });
    vec![Service::new(WRITER), listener]
}

/// Notes these in one transaction.
pub(crate) async fn note(kit: &Testkit, tenant: TenantId, noted: &[Noted]) {
    let mut tx = kit.context(WRITER).store.begin(tenant).await.unwrap();
    for one in noted {
        tx.publish(one).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// What the listener kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) tenant: TenantId,
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) trace: Option<String>,
}

impl FromRow for Kept {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.get("tenant_id")?,
            key: row.get("key")?,
            text: row.get("text")?,
            trace: row.get("trace")?,
        })
    }
}

/// What the listener kept, in the order in which it did.
pub(crate) async fn kept(kit: &Testkit) -> Vec<Kept> {
    let sql = "SELECT tenant_id, key, text, trace FROM kept ORDER BY turn, text";
    kit.context(LISTENER).store.read(Scope::System).query(sql, params![]).await.unwrap()
}

pub(crate) async fn kept_texts(kit: &Testkit) -> Vec<String> {
    kept(kit).await.into_iter().map(|kept| kept.text).collect()
}

/// Waits until the listener has kept exactly these, in this order.
pub(crate) async fn until_kept(kit: &Testkit, expected: &[&str]) {
    eventually(&format!("{expected:?} to be kept"), async || (kept_texts(kit).await == expected).then_some(())).await;
}

/// The writer's log from its begin, as another service reads it.
pub(crate) async fn log(kit: &Testkit) -> Vec<CloudEvent> {
    read(kit, WRITER, "/internal/events?limit=1000").await
}

pub(crate) async fn dead_letters(kit: &Testkit) -> Vec<DeadLetter> {
    dead_letters_of(kit, ONE, "").await
}

/// A tenant's, with more of a query.
pub(crate) async fn dead_letters_of(kit: &Testkit, tenant: TenantId, query: &str) -> Vec<DeadLetter> {
    read::<DeadLetters>(kit, LISTENER, &format!("/internal/dead-letters?tenant={tenant}{query}")).await.items
}

async fn read<T: DeserializeOwned>(kit: &Testkit, service: &str, path: &str) -> T {
    let reply = kit.request_to(service, Method::GET, path).from_service("backend-api").send().await;
    serde_json::from_slice(&reply.body).unwrap()
}

/// Posts to the listener as another service does.
pub(crate) async fn post(kit: &Testkit, path: &str, body: Value) -> StatusCode {
    kit.request_to(LISTENER, Method::POST, path).from_service("backend-api").json(body).send().await.status
}
