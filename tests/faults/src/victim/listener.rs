//! The listener: one effect for each entry.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use nexus_faults::wire::{Effect, LISTENER, PAGE, Page};
use nexus_kernel::events::Delivery;
use nexus_kernel::store::{FromRow, Migration, Query as _, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, Problem, Service, params};
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use super::process::After;
use super::writer::EntryWritten;

const SCHEMA: &[Migration] = &[Migration::new(
    1,
    "effects",
    "CREATE TABLE effect (entry_id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, applied BIGINT NOT NULL)",
)];

struct Found(Effect);

impl FromRow for Found {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self(Effect { id: row.get("entry_id")?, applied: row.get("applied")? }))
    }
}

pub(super) fn service() -> Service {
    Service::new(LISTENER)
        .migrations(SCHEMA)
        .routes(OpenApiRouter::new().route("/effects", get(list)).route("/effects/{id}", get(one)))
        .on::<EntryWritten>("apply", |context, tx, event| Box::pin(apply(context, tx, event)))
}

/// Counts, so that an event that is applied twice is seen.
async fn apply(_: &Context, tx: &mut Tx, event: Delivery<EntryWritten>) -> Result<(), Problem> {
    tx.execute(
        "INSERT INTO effect (entry_id, tenant_id, applied) VALUES ($1, :tenant, 1)
         ON CONFLICT (entry_id) DO UPDATE SET applied = effect.applied + 1",
        params![event.data.id],
    )
    .await?;
    Ok(())
}

async fn one(State(context): State<Context>, Path(id): Path<Uuid>) -> Result<Json<Effect>, Problem> {
    let sql = "SELECT entry_id, applied FROM effect WHERE entry_id = $1";
    let Found(effect) = context.store.read(Scope::System).query_one(sql, params![id]).await?;
    Ok(Json(effect))
}

async fn list(State(context): State<Context>, Query(after): Query<After<Uuid>>) -> Result<Json<Page<Effect>>, Problem> {
    let sql = format!("SELECT entry_id, applied FROM effect WHERE entry_id > $1 ORDER BY entry_id LIMIT {PAGE}");
    let found: Vec<Found> = context.store.read(Scope::System).query(&sql, params![after.after]).await?;
    Ok(Json(Page { items: found.into_iter().map(|Found(effect)| effect).collect() }))
}
