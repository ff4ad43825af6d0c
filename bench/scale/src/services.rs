//! A call from one service to another, as the process holds more of them.

use anyhow::{Context as _, ensure};
use nexus_kernel::Service;
use nexus_kernel::registry::Registry;
use nexus_testkit::{Backend, Testkit};

use crate::samples::Samples;

const CALLS: usize = 20_000;

/// Measures each number of services and prints a line for each.
pub(crate) async fn table(numbers: &[usize]) -> anyhow::Result<()> {
    println!("Microseconds, median / p99 (median against the first line).\n");
    println!("| services | a call in the process |\n| --- | --- |");
    let mut first = None;
    for &number in numbers {
        let samples = measure(number).await?;
        println!("| {number} | {} |", samples.cell(*first.get_or_insert(samples.median())));
    }
    Ok(())
}

/// Each answers what every service answers.
fn services(number: usize) -> Vec<Service> {
    Registry::built_in().services.iter().take(number).map(|entry| Service::new(entry.name.as_str())).collect()
}

async fn measure(number: usize) -> anyhow::Result<Samples> {
    let services = services(number);
    let last = services.last().context("there is a service")?.name();
    let kit = Testkit::start(Backend::Sqlite, services).await;
    let mesh = &kit.context(last).mesh;
    let mut samples = Samples::default();
    for _ in 0..CALLS {
        let answer = samples.time(mesh.to(last).get("/health/live").send()).await?;
        ensure!(answer.status().is_success(), "the call: {}", answer.status());
    }
    kit.cloud.shutdown().await;
    Ok(samples)
}
