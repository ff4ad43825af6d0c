//! Through the kernel: a service that publishes and one that listens, each with its own SQLite file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nexus_kernel::cache::Cache;
use nexus_kernel::config::Config;
use nexus_kernel::discovery::InProcess;
use nexus_kernel::events::{Carrier, Event};
use nexus_kernel::runtime::{Cloud, Environment};
use nexus_kernel::{Clock, Service, TenantId};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use uuid::Uuid;

const PUBLISHER: &str = "ledger-mgr";
const LISTENER: &str = "scheduler";

/// An event of the usual size.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Noted {
    number: usize,
    text: String,
}

impl Noted {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            number,
            text: "what there is to say about a thing that happened, in about two hundred signs; ".repeat(3),
        }
    }
}

impl Event for Noted {
    const TYPE: &'static str = "ledger-mgr.thing.noted.v1";
    const SOURCE: &'static str = PUBLISHER;

    fn key(&self) -> String {
        (self.number % 10).to_string()
    }
}

/// What each event took.
pub(crate) struct Times {
    pub(crate) commits: Vec<Duration>,
    pub(crate) handled: Vec<Duration>,
}

fn services(handled: UnboundedSender<Instant>) -> Vec<Service> {
    let listener = Service::new(LISTENER).on::<Noted>("time", move |_, _, _| {
        // Whoever measures may have ended.
        let _ = handled.send(Instant::now());
        Box::pin(async { Ok(()) })
    });
    vec![Service::new(PUBLISHER), listener]
}

pub(crate) async fn run(carrier: Arc<dyn Carrier>, events: usize, disk: &Path) -> anyhow::Result<Times> {
    let folder = tempfile::tempdir_in(disk)?;
    let environment = Environment {
        config: Arc::new(Config { data: folder.path().to_owned(), ..Config::default() }),
        clock: Clock::system(),
        carrier,
        cache: Cache::embedded(Clock::system()),
        discovery: Arc::new(InProcess::new()),
    };
    let (sender, mut handled) = unbounded_channel();
    let cloud = Cloud::start(&environment, services(sender)).await?;
    let store = cloud.context_of(PUBLISHER).context("the publisher runs")?.store.clone();
    let tenant = TenantId(Uuid::now_v7());
    let mut times = Times { commits: Vec::with_capacity(events), handled: Vec::with_capacity(events) };
    for number in 0..events {
        let begun = Instant::now();
        let mut tx = store.begin(tenant).await?;
        tx.publish(&Noted::new(number)).await?;
        tx.commit().await?;
        times.commits.push(begun.elapsed());
        let at = handled.recv().await.context("the listener runs")?;
        times.handled.push(at.saturating_duration_since(begun));
    }
    cloud.shutdown().await;
    Ok(times)
}
