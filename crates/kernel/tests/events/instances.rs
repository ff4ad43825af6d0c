//! Two processes that run the same services on one database.

use std::collections::BTreeSet;
use std::sync::Arc;

use nexus_kernel::Clock;
use nexus_kernel::cache::Cache;
use nexus_kernel::config::Config;
use nexus_kernel::discovery::InProcess;
use nexus_kernel::events::LocalCarrier;
use nexus_kernel::params;
use nexus_kernel::runtime::{Cloud, Environment};
use nexus_kernel::store::{Query, Scalar, Scope};
use nexus_testkit::{Database, eventually};

use crate::support::{Faults, Kept, LISTENER, Noted, ONE, WRITER, services};

async fn instance(database: &Database, carrier: &Arc<LocalCarrier>, folder: &std::path::Path) -> Cloud {
    let mut config = Config { data: folder.to_owned(), ..Config::default() };
    config.store.postgres = database.url.as_str().into();
    config.store.pool = 4;
    let environment = Environment {
        config: Arc::new(config),
        clock: Clock::system(),
        carrier: Arc::clone(carrier) as _,
        cache: Cache::embedded(Clock::system()),
        discovery: Arc::new(InProcess::new()),
    };
    Cloud::start(&environment, services(&Faults::default())).await.unwrap()
}

async fn write(cloud: &Cloud, name: &str) -> Vec<String> {
    let mut written = Vec::new();
    for number in 0..60 {
        let text = format!("{name}{number:02}");
        let mut tx = cloud.context_of(WRITER).unwrap().store.begin(ONE).await.unwrap();
        tx.publish(&Noted::new(name, text.as_str())).await.unwrap();
        tx.commit().await.unwrap();
        written.push(text);
    }
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_number_each_event_once_and_apply_it_once() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let carrier = Arc::new(LocalCarrier::new());
    let one = instance(&database, &carrier, folder.path()).await;
    let other = instance(&database, &carrier, folder.path()).await;
    let (by_one, by_other) = tokio::join!(write(&one, "a"), write(&other, "b"));

    let store = &one.context_of(LISTENER).unwrap().store;
    let kept = eventually("all events", async || {
        let sql = "SELECT tenant_id, key, text, trace FROM kept ORDER BY turn, text";
        let kept: Vec<Kept> = store.read(Scope::System).query(sql, params![]).await.unwrap();
        (kept.iter().map(|kept| &kept.text).collect::<BTreeSet<_>>().len() == 120).then_some(kept)
    })
    .await;
    for (key, written) in [("a", by_one), ("b", by_other)] {
        let texts: Vec<_> = kept.iter().filter(|kept| kept.key == key).map(|kept| kept.text.clone()).collect();
        assert_eq!(texts, written);
    }
    let store = &one.context_of(WRITER).unwrap().store;
    let sql = "SELECT position FROM _outbox ORDER BY position";
    let positions: Vec<Scalar<u64>> = store.read(Scope::System).query(sql, params![]).await.unwrap();
    assert_eq!(positions, (1..=120).map(Scalar).collect::<Vec<_>>());
    one.shutdown().await;
    other.shutdown().await;
}
