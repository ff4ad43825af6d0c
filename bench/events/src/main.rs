//! How long an event takes from its publisher to its subscriber's handler: embedded and over NATS, next to a message of the same
//! size through the NATS client alone. One event at a time, each durable on the disk before anybody hears of it.
// It prints its result.
#![allow(clippy::print_stdout)]

mod bare;
mod through;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use nexus_kernel::events::{LocalCarrier, NatsCarrier};

/// The server when nobody names one.
const NATS: &str = "nats://127.0.0.1:4222";
/// How many events go before the first that counts.
const WARM_UP: usize = 100;

fn main() -> anyhow::Result<()> {
    let events = std::env::args().nth(1).map_or(Ok(2_000), |text| text.parse()).context("the number of events")?;
    let disk = std::env::args().nth(2).unwrap_or_else(|| ".".to_owned());
    let nats = std::env::var("NEXUS_BENCH_NATS").unwrap_or_else(|_| NATS.to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("| microseconds | p50 | p99 |\n| --- | --- | --- |");
    runtime.block_on(compare(events, Path::new(&disk), &nats))
}

async fn compare(events: usize, disk: &Path, nats: &str) -> anyhow::Result<()> {
    let embedded = through::run(Arc::new(LocalCarrier::new()), events, disk).await?;
    print("embedded: commit alone", embedded.commits);
    print("embedded: publish to handler, the commit included", embedded.handled);
    let carrier = NatsCarrier::connect(nats).await?;
    let over_nats = through::run(Arc::new(carrier), events, disk).await?;
    print("over NATS: commit alone", over_nats.commits);
    print("over NATS: publish to handler, the commit included", over_nats.handled);
    print("NATS client alone: publish to its own subscription", bare::run(nats, events).await?);
    Ok(())
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.drain(..WARM_UP.min(times.len() / 2));
    times.sort_unstable();
    let part = |percent: usize| times.get(times.len() * percent / 100).map_or(0, Duration::as_micros);
    println!("| {what} | {} | {} |", part(50), part(99));
}
