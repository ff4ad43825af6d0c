//! What carries hints, and what carries nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use nexus_kernel::events::{Carrier, CarrierError, CloudEvent, Hints, LocalCarrier, NatsCarrier};
use nexus_testkit::{Backend, NatsServer, Testkit, eventually};
use serde_json::json;
use uuid::Uuid;

use crate::on_each_database;
use crate::support::{Faults, Noted, ONE, kept_texts, note, services, until_kept};

fn nats() -> String {
    std::env::var("NEXUS_TEST_NATS").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned())
}

/// Loses every hint.
#[derive(Default)]
struct Loses(AtomicUsize);

#[async_trait]
impl Carrier for Loses {
    async fn publish(&self, _: &str, events: &[Arc<CloudEvent>]) -> Result<(), CarrierError> {
        self.0.fetch_add(events.len(), Ordering::SeqCst);
        Err(CarrierError::Down)
    }

    async fn subscribe(&self, _: &str) -> Result<Hints, CarrierError> {
        Err(CarrierError::Down)
    }

    async fn ping(&self) -> Result<(), CarrierError> {
        Err(CarrierError::Down)
    }
}

/// Loses every third hint, repeats others and turns their order round.
#[derive(Default)]
struct Mangles(LocalCarrier);

#[async_trait]
impl Carrier for Mangles {
    async fn publish(&self, source: &str, events: &[Arc<CloudEvent>]) -> Result<(), CarrierError> {
        for event in events.iter().rev().filter(|event| event.position % 3 != 0) {
            self.0.publish(source, &[Arc::clone(event), Arc::clone(event)]).await?;
        }
        Ok(())
    }

    async fn subscribe(&self, source: &str) -> Result<Hints, CarrierError> {
        self.0.subscribe(source).await
    }

    async fn ping(&self) -> Result<(), CarrierError> {
        Ok(())
    }
}

async fn a_carrier_that_loses_everything_only_delays(backend: Backend) {
    let carrier = Arc::new(Loses::default());
    let kit = Testkit::start_carried_by(backend, carrier.clone(), services(&Faults::default())).await;
    // More than one part of the log.
    let texts: Vec<_> = (0..1_100).map(|number| format!("{number:04}")).collect();
    note(&kit, ONE, &texts.iter().map(|text| Noted::new("key", text.as_str())).collect::<Vec<_>>()).await;
    eventually("all events", async || (kept_texts(&kit).await == texts).then_some(())).await;
    eventually("hints to be lost", async || (carrier.0.load(Ordering::SeqCst) >= 1_100).then_some(())).await;
}

async fn a_carrier_that_mangles_hints_changes_nothing(backend: Backend) {
    let kit = Testkit::start_carried_by(backend, Arc::new(Mangles::default()), services(&Faults::default())).await;
    let mut texts = Vec::new();
    for round in 0..15 {
        let some: Vec<_> = (0..4).map(|number| format!("{round:02}.{number}")).collect();
        note(&kit, ONE, &some.iter().map(|text| Noted::new("key", text.as_str())).collect::<Vec<_>>()).await;
        texts.extend(some);
    }
    until_kept(&kit, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

async fn nats_carries_events_between_services(backend: Backend) {
    let carrier = Arc::new(NatsCarrier::connect(&nats()).await.unwrap());
    eventually("NATS to answer", async || carrier.ping().await.ok()).await;
    let kit = Testkit::start_carried_by(backend, carrier, services(&Faults::default())).await;
    for text in ["1", "2", "3"] {
        note(&kit, ONE, &[Noted::new("key", text)]).await;
    }
    until_kept(&kit, &["1", "2", "3"]).await;
}

async fn installations_that_share_a_carrier_do_not_apply_each_others_events(backend: Backend) {
    let carrier = Arc::new(LocalCarrier::new());
    let start = || Testkit::start_carried_by(backend, carrier.clone(), services(&Faults::default()));
    let (here, there) = (start().await, start().await);
    for round in ["1", "2", "3", "4"] {
        note(&here, ONE, &[Noted::new("key", format!("here {round}"))]).await;
        note(&there, ONE, &[Noted::new("key", format!("there {round}"))]).await;
    }
    until_kept(&here, &["here 1", "here 2", "here 3", "here 4"]).await;
    until_kept(&there, &["there 1", "there 2", "there 3", "there 4"]).await;
}

on_each_database!(
    installations_that_share_a_carrier_do_not_apply_each_others_events,
    a_carrier_that_loses_everything_only_delays,
    a_carrier_that_mangles_hints_changes_nothing,
    nats_carries_events_between_services,
);

fn event(source: &str, position: u64, text: &str) -> Arc<CloudEvent> {
    let event = json!({
        "specversion": "1.0", "id": Uuid::now_v7(), "source": source, "type": "test.v1", "partitionkey": "key",
        "time": "2026-03-01T09:30:00Z", "datacontenttype": "application/json", "tenant": ONE,
        "sequence": position.to_string(), "data": {"text": text},
    });
    Arc::new(serde_json::from_str(&event.to_string()).unwrap())
}

#[tokio::test]
async fn hints_arrive_over_nats_in_order_and_what_is_too_large_is_left_out() {
    let carrier = NatsCarrier::connect(&nats()).await.unwrap();
    eventually("NATS to answer", async || carrier.ping().await.ok()).await;
    let (source, other) = (format!("test-{}", Uuid::now_v7()), format!("test-{}", Uuid::now_v7()));
    let mut hints = carrier.subscribe(&source).await.unwrap();
    // The server learns of the subscription before the events, as all of it goes over one connection.
    carrier.publish(&other, &[event(&other, 9, "elsewhere")]).await.unwrap();
    let large = "x".repeat(2 << 20);
    let events = [event(&source, 1, "a"), event(&source, 2, &large), event(&source, 3, "c")];
    carrier.publish(&source, &events).await.unwrap();
    assert_eq!(hints.next().await.unwrap().position, 1);
    assert_eq!(hints.next().await.unwrap().position, 3);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_so_and_waited_for_by_nobody() {
    // Bound and not listened to: nobody else can take the port meanwhile.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("nats://{}", socket.local_addr().unwrap());
    let carrier = NatsCarrier::connect(&url).await.unwrap();
    assert!(matches!(carrier.ping().await, Err(CarrierError::Down)));
    assert!(matches!(carrier.publish("test", &[event("test", 1, "a")]).await, Err(CarrierError::Down)));
}

#[tokio::test]
async fn asking_whether_the_bus_works_makes_no_stream() {
    let server = NatsServer::start().await;
    let carrier = NatsCarrier::connect(&server.url()).await.unwrap();
    let stranger = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    stranger.delete_stream("nexus-events").await.unwrap();
    carrier.ping().await.unwrap();
    assert!(stranger.get_stream("nexus-events").await.is_err());
    drop(server);
    eventually("the loss to be noticed", async || carrier.ping().await.err()).await;
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    assert!(matches!(NatsCarrier::connect("nats://a b:port").await, Err(CarrierError::Address(_))));
}
