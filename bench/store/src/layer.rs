//! The store layer: each caller does one unit after the other, and goes on when it is durable.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use nexus_kernel::events::Event;
use nexus_kernel::store::{Migration, Store, StoreConfig, StoreError};
use nexus_kernel::{Clock, TenantId, params};
use uuid::Uuid;

use crate::{Case, ItemAdded, TABLE};

static MIGRATIONS: [Migration; 1] = [Migration::new(1, "items", TABLE)];

impl Event for ItemAdded {
    const TYPE: &'static str = "bench.item.added";
    const SOURCE: &'static str = "bench";

    fn key(&self) -> String {
        self.id.to_string()
    }
}

/// An empty store with the table.
pub(crate) async fn prepare(folder: &Path) -> anyhow::Result<Store> {
    let config = StoreConfig::Sqlite { path: folder.join("bench.sqlite") };
    let store = Store::open(config, "bench", Clock::system()).await?;
    store.migrate(&MIGRATIONS).await?;
    Ok(store)
}

pub(crate) async fn run(folder: &Path, case: &Case) -> anyhow::Result<Duration> {
    let store = prepare(folder).await?;
    let each = case.units / case.together;
    let begin = Instant::now();
    let callers = (0..case.together).map(|_| tokio::spawn(caller(store.clone(), each)));
    for done in try_join_all(callers).await? {
        done?;
    }
    let took = begin.elapsed();
    store.close().await;
    Ok(took)
}

async fn caller(store: Store, units: usize) -> Result<(), StoreError> {
    let tenant = TenantId(Uuid::now_v7());
    for _ in 0..units {
        let event = ItemAdded::new();
        let mut tx = store.begin(tenant).await?;
        tx.execute(
            "INSERT INTO items (id, tenant_id, title, created_at) VALUES ($1, :tenant, $2, $3)",
            params![event.id, event.title.as_str(), Clock::system().now()],
        )
        .await?;
        tx.publish(&event).await?;
        tx.commit().await?;
    }
    Ok(())
}
