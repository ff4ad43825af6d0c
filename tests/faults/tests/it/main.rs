//! Faults happen to a small distributed system while clients write. Late is allowed, lost is not, nor is twice.
//!
//! Each test is one system, and each of its faults happens again and again: the short form takes a minute or two in all, and
//! `make faults` runs the long one. With `--no-capture` they print what they found.

use std::path::Path;
use std::time::Duration;

use nexus_faults::fault::Fault;
use nexus_faults::scenario::Suite;
use nexus_faults::system::Kind;
use nexus_testkit::eventually_within;

async fn suite(kind: Kind) -> Suite {
    Suite::start(kind, Path::new(env!("CARGO_BIN_EXE_nexus-faults"))).await
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_on_sqlite() {
    let mut suite = suite(Kind::Embedded).await;
    for fault in [Fault::Kill, Fault::DiskFull, Fault::ClockForward, Fault::ClockBack, Fault::Pause] {
        suite.suffer(fault).await;
    }
    suite.finish();
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_when_processes_and_servers_end() {
    let mut suite = suite(Kind::Servers).await;
    let faults = [
        Fault::Kill,
        Fault::NatsStop,
        Fault::NatsWipe,
        Fault::PostgresStop,
        Fault::RedisFlush,
        Fault::RedisStop,
        Fault::ClockForward,
        Fault::ClockBack,
        Fault::Pause,
    ];
    for fault in faults {
        suite.suffer(fault).await;
    }
    let nats = &suite.system.servers.as_ref().expect("this system has servers").nats;
    eventually_within(Duration::from_secs(30), "the stream of events to be there again", async || {
        nats.has_stream().await.then_some(())
    })
    .await;
    suite.finish();
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_when_postgres_fails_over() {
    let mut suite = suite(Kind::Standby).await;
    suite.suffer(Fault::Failover).await;
    suite.finish();
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_when_the_disk_of_postgres_is_full() {
    let mut suite = suite(Kind::SmallDisk).await;
    suite.suffer(Fault::DiskFull).await;
    suite.finish();
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_when_the_network_fails() {
    let mut suite = suite(Kind::Network).await;
    for fault in [Fault::Partition, Fault::CutOff, Fault::SlowLink] {
        suite.suffer(fault).await;
    }
    suite.finish();
}
