//! An event, as more services listen to it: what its publisher waits for, and when the last of them has applied it.

use std::time::Duration;

use nexus_kernel::events::{Delivery, Event};
use nexus_kernel::registry::Registry;
use nexus_kernel::store::{Migration, Query, Scalar, Scope, Tx};
use nexus_kernel::{Context, Problem, Service, TenantId, params};
use nexus_testkit::{Backend, Testkit, eventually_within};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::samples::Samples;

const EVENTS: i64 = 500;
const PUBLISHER: &str = "scheduler";
const TENANT: TenantId = TenantId(Uuid::from_u128(1));
static EFFECTS: [Migration; 1] =
    [Migration::new(1, "effects", "CREATE TABLE effect (id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL)")];

#[derive(Debug, Serialize, Deserialize)]
struct Rang {
    id: Uuid,
}

impl Event for Rang {
    const TYPE: &'static str = "scheduler.bell.rang.v1";
    const SOURCE: &'static str = PUBLISHER;

    fn key(&self) -> String {
        self.id.to_string()
    }
}

async fn apply(_: &Context, tx: &mut Tx, event: Delivery<Rang>) -> Result<(), Problem> {
    tx.execute("INSERT INTO effect (id, tenant_id) VALUES ($1, :tenant)", params![event.data.id]).await?;
    Ok(())
}

/// Measures each number of subscribers and prints a line for each.
pub(crate) async fn table(numbers: &[usize]) -> anyhow::Result<()> {
    println!(
        "| subscribers | publish, durable: microseconds, median / p99 | {EVENTS} events applied by all, a second |"
    );
    println!("| --- | --- | --- |");
    let mut first = None;
    for &number in numbers {
        let (samples, took) = measure(number).await?;
        #[expect(clippy::cast_precision_loss, reason = "hundreds")]
        let rate = EVENTS as f64 * number as f64 / took.as_secs_f64();
        println!("| {number} | {} | {rate:.0} effects |", samples.cell(*first.get_or_insert(samples.median())));
    }
    Ok(())
}

async fn measure(number: usize) -> anyhow::Result<(Samples, Duration)> {
    let names = Registry::built_in().services.iter().map(|entry| entry.name.as_str());
    let listeners: Vec<&'static str> = names.filter(|name| *name != PUBLISHER).take(number).collect();
    let listening = listeners.iter().map(|name| {
        Service::new(name)
            .migrations(&EFFECTS)
            .on::<Rang>("apply", |context, tx, event| Box::pin(apply(context, tx, event)))
    });
    let services = listening.chain([Service::new(PUBLISHER)]).collect();
    let kit = Testkit::start(Backend::Sqlite, services).await;
    let (store, ids) = (&kit.context(PUBLISHER).store, &kit.context(PUBLISHER).ids);
    let mut samples = Samples::default();
    let started = std::time::Instant::now();
    for _ in 0..EVENTS {
        let publish = async {
            let mut tx = store.begin(TENANT).await?;
            tx.publish(&Rang { id: ids.next() }).await?;
            tx.commit().await
        };
        samples.time(publish).await?;
    }
    for name in listeners {
        eventually_within(Duration::from_mins(2), "every event to be applied", async || {
            let mut reader = kit.context(name).store.read(Scope::System);
            let count = reader.query_one("SELECT COUNT(*) AS n FROM effect", params![]).await;
            count.ok().filter(|Scalar(count): &Scalar<i64>| *count == EVENTS)
        })
        .await;
    }
    let took = started.elapsed();
    kit.cloud.shutdown().await;
    Ok((samples, took))
}
