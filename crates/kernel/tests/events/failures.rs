//! Handlers that fail.

use std::time::Duration;

use http::Method;
use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::json;

use crate::on_each_database;
use crate::support::{
    Fault, Faults, LISTENER, Noted, ONE, OTHER, WRITER, dead_letters, dead_letters_of, kept_texts, note, post,
    services, until_kept,
};

/// Longer than any pause before a retry.
const LONG: Duration = Duration::from_mins(10);

async fn an_event_that_fails_is_tried_again_and_its_key_waits(backend: Backend, fault: Fault) {
    let faults = Faults::default();
    faults.set("1", fault);
    let kit = Testkit::start(backend, services(&faults)).await;
    let notes = [("a", "1"), ("b", "2"), ("a", "3"), ("b", "4"), ("a", "5")];
    note(&kit, ONE, &notes.map(|(key, text)| Noted::new(key, text))).await;
    // The same key of another tenant is another key.
    note(&kit, OTHER, &[Noted::new("a", "6")]).await;
    until_kept(&kit, &["2", "4", "6"]).await;
    faults.heal();
    kit.clock.advance(LONG);
    until_kept(&kit, &["2", "4", "6", "1", "3", "5"]).await;
    note(&kit, ONE, &[Noted::new("a", "7")]).await;
    until_kept(&kit, &["2", "4", "6", "1", "3", "5", "7"]).await;
    assert_eq!(dead_letters(&kit).await, []);
}

async fn a_refusal_is_tried_again(backend: Backend) {
    an_event_that_fails_is_tried_again_and_its_key_waits(backend, Fault::Refuses).await;
}

async fn a_panic_is_tried_again(backend: Backend) {
    an_event_that_fails_is_tried_again_and_its_key_waits(backend, Fault::Panics).await;
}

async fn a_broken_statement_is_tried_again(backend: Backend) {
    an_event_that_fails_is_tried_again_and_its_key_waits(backend, Fault::BreaksItsStatement).await;
}

async fn a_hidden_error_is_tried_again(backend: Backend) {
    an_event_that_fails_is_tried_again_and_its_key_waits(backend, Fault::HidesABrokenStatement).await;
}

async fn until_dead(kit: &Testkit) -> nexus_kernel::events::DeadLetter {
    eventually("a dead letter", async || {
        kit.clock.advance(LONG);
        dead_letters(kit).await.pop()
    })
    .await
}

async fn an_event_that_always_fails_is_a_dead_letter_until_it_is_replayed(backend: Backend) {
    let faults = Faults::default();
    faults.set("bad", Fault::Refuses);
    let kit = Testkit::start(backend, services(&faults)).await;
    note(&kit, ONE, &[Noted::new("key", "bad"), Noted::new("key", "good")]).await;
    let dead = until_dead(&kit).await;
    assert_eq!((dead.service.as_str(), dead.source.as_str(), dead.position), (LISTENER, WRITER, 1));
    assert_eq!(dead.tenant, ONE);
    assert_eq!((dead.kind.as_str(), dead.key.as_str(), dead.attempts), ("ledger-mgr.thing.noted.v1", "key", 10));
    assert!(dead.error.contains("not today"), "{}", dead.error);
    // What waited behind it goes on without it.
    until_kept(&kit, &["good"]).await;

    faults.heal();
    kit.clock.advance(LONG);
    note(&kit, ONE, &[Noted::new("key", "later")]).await;
    until_kept(&kit, &["good", "later"]).await;
    let path = format!("/internal/dead-letters/{ONE}/{WRITER}/1/replay");
    assert_eq!(post(&kit, &path, json!({})).await, 204);
    until_kept(&kit, &["good", "later", "bad"]).await;
    assert_eq!(dead_letters(&kit).await, []);
    assert_eq!(post(&kit, &path, json!({})).await, 404);
}

async fn a_dead_letter_that_nobody_has_cannot_be_replayed(backend: Backend) {
    let kit = Testkit::start(backend, services(&Faults::default())).await;
    for path in ["ledger-mgr/1", "nobody/1", "ledger-mgr/x", "ledger-mgr/-1"] {
        let path = format!("/internal/dead-letters/{ONE}/{path}/replay");
        assert_eq!(post(&kit, &path, json!({})).await, 404, "{path}");
    }
    assert_eq!(post(&kit, "/internal/dead-letters/nobody/ledger-mgr/1/replay", json!({})).await, 404);
}

async fn dead_letters_are_a_tenants_own_and_come_in_pages(backend: Backend) {
    let faults = Faults::default();
    let texts = ["1", "2", "3", "4", "5"];
    for text in texts {
        faults.set(text, Fault::Refuses);
    }
    faults.set("other", Fault::Refuses);
    let kit = Testkit::start(backend, services(&faults)).await;
    // Each with a key of its own, so that none waits behind another.
    note(&kit, ONE, &texts.map(|text| Noted::new(text, text))).await;
    note(&kit, OTHER, &[Noted::new("key", "other")]).await;
    let all = eventually("all to be dead letters", async || {
        kit.clock.advance(LONG);
        let (one, other) = (dead_letters(&kit).await, dead_letters_of(&kit, OTHER, "").await);
        (one.len() == texts.len() && other.len() == 1).then_some(one)
    })
    .await;
    assert!(all.iter().all(|letter| letter.tenant == ONE), "{all:?}");
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = dead_letters_of(&kit, ONE, &format!("&limit=2{after}")).await;
        let Some(last) = page.last() else { break };
        after = format!("&since={}&source={}&position={}", last.since, last.source, last.position);
        seen.extend(page);
    }
    assert_eq!(seen, all);

    let theirs = format!("/internal/dead-letters/{ONE}/{WRITER}/6/replay");
    assert_eq!(post(&kit, &theirs, json!({})).await, 404, "another tenant's can not be replayed");
    for query in ["", "?tenant=x", "?limit=1", &format!("?tenant={ONE}&limit=0"), &format!("?tenant={ONE}&since=x")] {
        let path = format!("/internal/dead-letters{query}");
        let reply = kit.request_to(LISTENER, Method::GET, &path).from_service("backend-api").send().await;
        assert_eq!(reply.status, 400, "{query}");
    }
}

async fn a_rewind_brings_a_parked_event_once(backend: Backend) {
    let faults = Faults::default();
    faults.set("2", Fault::Refuses);
    let kit = Testkit::start(backend, services(&faults)).await;
    note(&kit, ONE, &["1", "2", "3"].map(|text| Noted::new("key", text))).await;
    note(&kit, ONE, &[Noted::new("free", "4")]).await;
    until_kept(&kit, &["1", "4"]).await;
    faults.heal();
    let rewind = json!({"source": WRITER, "position": 2});
    assert_eq!(post(&kit, "/internal/events/rewind", rewind).await, 204);
    until_kept(&kit, &["1", "4", "2", "3", "4"]).await;
    kit.clock.advance(LONG);
    note(&kit, ONE, &[Noted::new("key", "5")]).await;
    until_kept(&kit, &["1", "4", "2", "3", "4", "5"]).await;
    assert_eq!(kept_texts(&kit).await.len(), 6);
}

on_each_database!(
    a_refusal_is_tried_again,
    a_panic_is_tried_again,
    a_broken_statement_is_tried_again,
    a_hidden_error_is_tried_again,
    an_event_that_always_fails_is_a_dead_letter_until_it_is_replayed,
    a_dead_letter_that_nobody_has_cannot_be_replayed,
    dead_letters_are_a_tenants_own_and_come_in_pages,
    a_rewind_brings_a_parked_event_once,
);
