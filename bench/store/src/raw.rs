//! Raw `SQLite`: one thread, prepared statements, one commit for a fixed number of units.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use nexus_kernel::Clock;
use nexus_kernel::events::Event;
use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::{Case, ItemAdded, layer};

pub(crate) fn run(folder: &Path, case: &Case) -> anyhow::Result<Duration> {
    // The same schema, made by the layer and left by it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        layer::prepare(folder).await?.close().await;
        anyhow::Ok(())
    })?;
    let connection = Connection::open(folder.join("bench.sqlite"))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")?;
    let tenant = Uuid::now_v7().to_string();
    let begin = Instant::now();
    for _ in 0..case.units / case.together {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for _ in 0..case.together {
            insert(&connection, &tenant)?;
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
    }
    Ok(begin.elapsed())
}

/// What a unit of the layer writes.
fn insert(connection: &Connection, tenant: &str) -> anyhow::Result<()> {
    let event = ItemAdded::new();
    let (id, now) = (event.id.to_string(), Clock::system().now().as_micros());
    connection
        .prepare_cached("INSERT INTO items (id, tenant_id, title, created_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id, tenant, event.title, now])?;
    connection
        .prepare_cached(
            "INSERT INTO _outbox (id, tenant_id, type, key, time, traceparent, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            Uuid::now_v7().to_string(),
            tenant,
            ItemAdded::TYPE,
            id,
            now,
            None::<String>,
            serde_json::to_string(&event)?,
        ])?;
    Ok(())
}

/// Whether every unit is there, with its event.
pub(crate) fn check(folder: &Path, units: usize) -> anyhow::Result<()> {
    let connection = Connection::open(folder.join("bench.sqlite"))?;
    let rows: i64 = connection.query_row(
        "SELECT COUNT(*) FROM items JOIN _outbox ON _outbox.key = items.id AND _outbox.tenant_id = items.tenant_id",
        [],
        |row| row.get(0),
    )?;
    ensure!(rows == i64::try_from(units)?, "{rows} of {units} units are in the file");
    Ok(())
}
