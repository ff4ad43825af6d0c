//! Events that each instance sees in its memory.

use std::sync::{Arc, Mutex};

use nexus_kernel::events::{Delivery, LocalCarrier, NatsCarrier};
use nexus_kernel::store::Scope;
use nexus_kernel::{Service, params};
use nexus_testkit::{Backend, Testkit, eventually};

use crate::on_each_database;
use crate::support::{Faults, LISTENER, Noted, ONE, WRITER, note, services, until_kept};

type Seen = Arc<Mutex<Vec<String>>>;

/// The writer, and a listener that keeps in its store and observes.
fn observing(seen: &Seen) -> Vec<Service> {
    let seen = Arc::clone(seen);
    let mut services = services(&Faults::default());
    let listener = services.pop().unwrap().observe::<Noted>("see", move |_, event: Delivery<Noted>| {
        assert_ne!(event.data.text, "panics");
        seen.lock().unwrap().push(event.data.text);
    });
    services.push(listener);
    services
}

async fn until_seen(seen: &Seen, expected: &[&str]) {
    let what = format!("{expected:?} to be seen");
    eventually(&what, async || (*seen.lock().unwrap() == expected).then_some(())).await;
}

async fn every_instance_sees_every_event_in_order(backend: Backend) {
    let (one, other, late) = (Seen::default(), Seen::default(), Seen::default());
    let carrier = Arc::new(LocalCarrier::new());
    let kit = Testkit::start_carried_by(backend, Arc::clone(&carrier) as _, observing(&one)).await;
    let second = kit.another(Arc::clone(&carrier) as _, observing(&other)).await;
    note(&kit, ONE, &[Noted::new("a", "first"), Noted::new("b", "second")]).await;
    note(&second, ONE, &[Noted::new("a", "third")]).await;
    for seen in [&one, &other] {
        until_seen(seen, &["first", "second", "third"]).await;
    }
    // What is in the store is not shown again to an instance that starts later.
    until_kept(&kit, &["first", "second", "third"]).await;
    let third = kit.another(carrier, observing(&late)).await;
    note(&kit, ONE, &[Noted::new("a", "fourth")]).await;
    until_seen(&late, &["fourth"]).await;
    until_seen(&one, &["first", "second", "third", "fourth"]).await;
    for kit in [kit, second, third] {
        kit.cloud.shutdown().await;
    }
}

async fn without_a_bus_the_log_brings_them(backend: Backend) {
    let seen = Seen::default();
    let nowhere = NatsCarrier::connect("nats://127.0.0.1:1").await.unwrap();
    let kit = Testkit::start_carried_by(backend, Arc::new(nowhere), observing(&seen)).await;
    for text in ["first", "second", "third"] {
        note(&kit, ONE, &[Noted::new("a", text)]).await;
    }
    until_seen(&seen, &["first", "second", "third"]).await;
}

/// Between an instance's look into its store and its first event nothing is lost: it begins where its store is.
async fn what_the_store_does_not_have_yet_is_seen(backend: Backend) {
    let kit = Testkit::start(backend, vec![Service::new(WRITER)]).await;
    note(&kit, ONE, &[Noted::new("a", "first"), Noted::new("a", "second"), Noted::new("a", "third")]).await;
    let seen = Seen::default();
    let kit = kit.restart(observing(&seen)).await;
    until_seen(&seen, &["first", "second", "third"]).await;
    until_kept(&kit, &["first", "second", "third"]).await;
    let mut tx = kit.context(LISTENER).store.begin(Scope::System).await.unwrap();
    tx.execute("UPDATE _cursors SET position = 1", params![]).await.unwrap();
    tx.commit().await.unwrap();
    let again = Seen::default();
    let _kit = kit.restart(observing(&again)).await;
    eventually("those behind the store's place", async || {
        again.lock().unwrap().ends_with(&["third".to_owned()]).then_some(())
    })
    .await;
    assert!(!again.lock().unwrap().contains(&"first".to_owned()));
}

async fn an_observer_that_panics_goes_on_with_the_next_event(backend: Backend) {
    let seen = Seen::default();
    let kit = Testkit::start(backend, observing(&seen)).await;
    note(&kit, ONE, &[Noted::new("a", "panics"), Noted::new("a", "after")]).await;
    until_seen(&seen, &["after"]).await;
}

on_each_database!(
    every_instance_sees_every_event_in_order,
    without_a_bus_the_log_brings_them,
    what_the_store_does_not_have_yet_is_seen,
    an_observer_that_panics_goes_on_with_the_next_event,
);
