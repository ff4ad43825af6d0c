//! The writer: entries, each made once and announced, and the acts of the leader.

use std::sync::LazyLock;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use nexus_faults::wire::{Act, Entry, LEADER, NewEntry, PAGE, Page, TENANT, WRITER};
use nexus_kernel::events::Event;
use nexus_kernel::store::{FromRow, Migration, Query as _, Row, Scalar, Scope, StoreError};
use nexus_kernel::{Context, Job, Principal, Problem, Service, params};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use super::process::After;

const SCHEMA: &[Migration] = &[
    // Nothing in the schema keeps a request from making two entries: that is what Idempotency-Key is for.
    Migration::new(
        1,
        "entries",
        "CREATE TABLE entry (id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, request TEXT NOT NULL);
         CREATE INDEX entry_by_request ON entry (request);",
    ),
    Migration::new(
        2,
        "acts",
        "CREATE TABLE act (number BIGINT PRIMARY KEY, token BIGINT NOT NULL, process TEXT NOT NULL)",
    ),
];
/// How long a leader leads, and the pause between its acts.
const REIGN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);
/// Until somebody leads again.
const INTERREGNUM: Duration = Duration::from_millis(200);
/// How long a read entry is cached.
const CACHED: Duration = Duration::from_mins(10);

/// Tells this process from all others.
static PROCESS: LazyLock<Uuid> = LazyLock::new(Uuid::now_v7);

/// An entry is there.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EntryWritten {
    pub(super) id: Uuid,
}

impl Event for EntryWritten {
    const TYPE: &'static str = "ledger-mgr.entry.written.v1";
    const SOURCE: &'static str = WRITER;

    fn key(&self) -> String {
        self.id.to_string()
    }
}

struct FoundEntry(Entry);

impl FromRow for FoundEntry {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self(Entry { id: row.get("id")?, request: row.get("request")? }))
    }
}

struct FoundAct(Act);

impl FromRow for FoundAct {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self(Act { number: row.get("number")?, token: row.get("token")?, process: row.get("process")? }))
    }
}

pub(super) fn service() -> Service {
    let routes = OpenApiRouter::new()
        .route("/entries", get(list).post(make))
        .route("/entries/{id}", get(one))
        .route("/acts", get(acts));
    Service::new(WRITER)
        .migrations(SCHEMA)
        .routes(routes)
        .job(Job::singleton(LEADER, INTERREGNUM, |context| Box::pin(lead(context))))
}

async fn make(
    State(context): State<Context>,
    principal: Principal,
    Json(new): Json<NewEntry>,
) -> Result<Response, Problem> {
    let entry = Entry { id: context.ids.next(), request: new.request };
    let mut tx = context.store.begin(principal.tenant).await?;
    let sql = "INSERT INTO entry (id, tenant_id, request) VALUES ($1, :tenant, $2)";
    tx.execute(sql, params![entry.id, entry.request]).await?;
    tx.publish(&EntryWritten { id: entry.id }).await?;
    tx.commit_reply((StatusCode::CREATED, Json(entry))).await
}

/// From the cache where it is there: what the cache forgets must not matter.
async fn one(State(context): State<Context>, Path(id): Path<Uuid>) -> Result<Json<Entry>, Problem> {
    let key = format!("entry:{id}");
    if let Ok(Some(cached)) = context.cache.get(&key).await {
        return serde_json::from_slice(&cached).map(Json).map_err(Problem::internal);
    }
    let sql = "SELECT id, request FROM entry WHERE tenant_id = :tenant AND id = $1";
    let FoundEntry(entry) = context.store.read(TENANT).query_one(sql, params![id]).await?;
    let bytes = serde_json::to_vec(&entry).map_err(Problem::internal)?;
    // Without the cache it is read from the store the next time.
    let _ = context.cache.set(&key, bytes, CACHED).await;
    Ok(Json(entry))
}

async fn list(State(context): State<Context>, Query(after): Query<After<Uuid>>) -> Result<Json<Page<Entry>>, Problem> {
    let sql = format!("SELECT id, request FROM entry WHERE id > $1 ORDER BY id LIMIT {PAGE}");
    let found: Vec<FoundEntry> = context.store.read(Scope::System).query(&sql, params![after.after]).await?;
    Ok(Json(Page { items: found.into_iter().map(|FoundEntry(entry)| entry).collect() }))
}

async fn acts(State(context): State<Context>, Query(after): Query<After<i64>>) -> Result<Json<Page<Act>>, Problem> {
    let sql = format!("SELECT number, token, process FROM act WHERE number > $1 ORDER BY number LIMIT {PAGE}");
    let found: Vec<FoundAct> = context.store.read(Scope::System).query(&sql, params![after.after]).await?;
    Ok(Json(Page { items: found.into_iter().map(|FoundAct(act)| act).collect() }))
}

/// Acts until its reign is over.
async fn lead(context: Context) -> Result<(), Problem> {
    let end = Instant::now() + REIGN;
    while Instant::now() < end && !context.shutdown.is_cancelled() {
        act(&context).await?;
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Numbers rise with the commits, as two acts of one number can not both be there. The token that is read is that of whoever
/// holds the lease now: the act of somebody who does not would bear another process's token.
async fn act(context: &Context) -> Result<(), Problem> {
    let mut tx = context.store.begin(Scope::System).await?;
    let Scalar::<i64>(last) = tx.query_one("SELECT COALESCE(MAX(number), 0) AS number FROM act", params![]).await?;
    let Scalar::<i64>(token) = tx.query_one("SELECT token FROM _leases WHERE name = $1", params![LEADER]).await?;
    let sql = "INSERT INTO act (number, token, process) VALUES ($1, $2, $3)";
    tx.execute(sql, params![last + 1, token, *PROCESS]).await?;
    Ok(tx.commit().await?)
}
