//! Instances that find each other by a NATS server, which dies now and then.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::sync::Arc;

use nexus_kernel::Clock;
use nexus_kernel::discovery::{Announce, Discovery, NatsDiscovery, NatsError};
use nexus_testkit::{NatsServer, eventually};
use tokio_util::sync::CancellationToken;

async fn process(server: &NatsServer) -> NatsDiscovery {
    NatsDiscovery::connect(&server.url(), Some("test"), Clock::system()).await.unwrap()
}

/// A process with an instance of `streamcore` at this port.
async fn instance(server: &NatsServer, port: u16) -> NatsDiscovery {
    let process = process(server).await;
    process.announce("streamcore", &format!("https://127.0.0.1:{port}")).await.unwrap();
    process
}

fn ports(process: &NatsDiscovery) -> BTreeSet<u16> {
    let instances = process.instances("streamcore");
    instances.iter().map(|instance| instance.id().rsplit(':').next().unwrap().parse().unwrap()).collect()
}

async fn sees(process: &NatsDiscovery, expected: &[u16]) {
    let what = format!("{expected:?} to be what is seen");
    eventually(&what, async || (ports(process) == expected.iter().copied().collect()).then_some(())).await;
}

#[tokio::test]
async fn who_announces_itself_is_seen_and_who_comes_later_sees_everybody_at_once() {
    let server = NatsServer::start().await;
    let first = instance(&server, 1).await;
    assert_eq!(ports(&first), [1].into(), "it sees itself when the announcement is made");
    let second = instance(&server, 2).await;
    sees(&first, &[1, 2]).await;
    sees(&second, &[1, 2]).await;
    let newcomer = process(&server).await;
    assert_eq!(ports(&newcomer), [1, 2].into());
    assert!(newcomer.instances("session-mgr").is_empty());
}

#[tokio::test]
async fn who_leaves_or_is_killed_is_gone_and_the_others_stay() {
    let server = NatsServer::start().await;
    let (watcher, one, two, three) =
        (process(&server).await, instance(&server, 1).await, instance(&server, 2).await, instance(&server, 3).await);
    sees(&watcher, &[1, 2, 3]).await;
    one.withdraw().await;
    sees(&watcher, &[2, 3]).await;
    // Its tasks end with it, and it has said nothing: as a process that was killed.
    drop(two);
    sees(&watcher, &[3]).await;
    sees(&one, &[3]).await;
    sees(&three, &[3]).await;
    one.announce("streamcore", "https://127.0.0.1:4").await.unwrap();
    sees(&watcher, &[3, 4]).await;
}

#[tokio::test]
async fn while_the_server_is_down_everybody_stays_known_and_a_server_that_forgot_all_hears_it_again() {
    let mut server = NatsServer::start().await;
    let processes = [Arc::new(instance(&server, 1).await), Arc::new(instance(&server, 2).await)];
    for process in &processes {
        sees(process, &[1, 2]).await;
    }
    let end = CancellationToken::new();
    let (watched, ended) = (processes.clone(), end.clone());
    let always = tokio::spawn(async move {
        while !ended.is_cancelled() {
            for process in &watched {
                assert_eq!(ports(process), [1, 2].into());
            }
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..3 {
        server.kill();
        server.wipe();
        let down = async || matches!(processes[0].ping(), Err(NatsError::Down)).then_some(());
        eventually("the loss to be noticed", down).await;
        server.start_again().await;
        let back = async || (ports(&process(&server).await) == [1, 2].into()).then_some(());
        eventually("a newcomer to see everybody", back).await;
    }
    end.cancel();
    always.await.unwrap();
    drop(processes);
    let newcomer = process(&server).await;
    sees(&newcomer, &[]).await;
}

#[tokio::test]
async fn a_bucket_that_somebody_deletes_is_made_again() {
    let server = NatsServer::start().await;
    let first = instance(&server, 1).await;
    let stranger = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    stranger.delete_key_value("nexus-discovery-test").await.unwrap();
    let second = instance(&server, 2).await;
    sees(&first, &[1, 2]).await;
    sees(&second, &[1, 2]).await;
}

#[tokio::test]
async fn an_instance_that_started_before_the_server_is_found_once_both_are_there() {
    let mut server = NatsServer::start().await;
    server.kill();
    let early = instance(&server, 1).await;
    assert!(ports(&early).is_empty());
    server.start_again().await;
    let late = process(&server).await;
    sees(&late, &[1]).await;
    sees(&early, &[1]).await;
}

#[tokio::test]
async fn installations_with_different_names_do_not_see_each_other_and_strange_entries_are_nobody() {
    let server = NatsServer::start().await;
    let ours = instance(&server, 1).await;
    let theirs = NatsDiscovery::connect(&server.url(), Some("other"), Clock::system()).await.unwrap();
    theirs.announce("streamcore", "https://127.0.0.1:9").await.unwrap();
    let stranger = async_nats::connect(server.url()).await.unwrap();
    for (key, value) in [
        ("streamcore.x", r#"{"url":"http://127.0.0.1:6","started":"2026-03-01T09:30:00Z"}"#),
        ("streamcore.y", "not JSON"),
        ("streamcore", r#"{"url":"https://127.0.0.1:7","started":"2026-03-01T09:30:00Z"}"#),
    ] {
        stranger.publish(format!("$KV.nexus-discovery-test.{key}"), value.into()).await.unwrap();
    }
    let two = instance(&server, 2).await;
    sees(&ours, &[1, 2]).await;
    sees(&two, &[1, 2]).await;
    assert_eq!(ports(&theirs), [9].into());
    assert!(two.announce("streamcore", "http://127.0.0.1:5").await.is_err());
}

#[tokio::test]
async fn asking_whether_discovery_works_makes_nothing_on_the_server() {
    let mut server = NatsServer::start().await;
    let process = instance(&server, 1).await;
    let stranger = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let made = async || {
        let mut bucket = stranger.get_stream("KV_nexus-discovery-test").await.unwrap();
        bucket.info().await.unwrap().state.consumer_count
    };
    let before = made().await;
    for _ in 0..100 {
        process.ping().unwrap();
    }
    assert_eq!(made().await, before);
    server.kill();
    eventually("the loss to be noticed", async || matches!(process.ping(), Err(NatsError::Down)).then_some(())).await;
    server.start_again().await;
    eventually("it to work again", async || process.ping().ok()).await;
    assert_eq!(ports(&process), [1].into());
}
