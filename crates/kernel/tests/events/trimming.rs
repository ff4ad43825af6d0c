//! Old events are deleted once everybody who follows the log has applied them, and nobody misses one unnoticed.

use std::time::Duration;

use http::Method;
use nexus_kernel::params;
use nexus_kernel::store::{Query, Scalar, Scope};
use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{Faults, LISTENER, Noted, ONE, WRITER, note, post, services, until_kept};

/// A little longer than events are kept.
const WEEK: Duration = Duration::from_hours(7 * 24 + 1);
/// A little longer than the log waits for somebody who says nothing.
const SILENCE: Duration = Duration::from_hours(30 * 24 + 1);

async fn start(backend: Backend) -> Testkit {
    Testkit::start(backend, services(&Faults::default())).await
}

async fn note_all(kit: &Testkit, texts: &[&str]) {
    for text in texts {
        note(kit, ONE, &[Noted::new("key", *text)]).await;
    }
}

/// The first and the last number that the log has.
async fn extent(kit: &Testkit) -> (u64, u64) {
    let reply = kit.request_to(WRITER, Method::GET, "/internal/events/log").from_service(LISTENER).send().await;
    let log = reply.expect(200).value();
    (log["first"].as_u64().unwrap(), log["last"].as_u64().unwrap())
}

/// Says that a subscriber has applied the log this far.
async fn tell(kit: &Testkit, subscriber: &str, position: u64) {
    let told = kit.request_to(WRITER, Method::PUT, "/internal/events/cursor").from_service(subscriber);
    let _ = told.json(json!({ "position": position })).send().await.expect(204);
}

/// How far the publisher knows the listener to be.
async fn known(kit: &Testkit) -> Option<u64> {
    let sql = "SELECT position FROM _subscribers WHERE service = $1";
    let found: Option<Scalar<u64>> =
        kit.context(WRITER).store.read(Scope::System).query_optional(sql, params![LISTENER]).await.unwrap();
    found.map(|Scalar(position)| position)
}

/// Has the writer delete what it may, and waits until its log begins there.
async fn until_first(kit: &Testkit, first: u64) {
    eventually(&format!("the log to begin with {first}"), async || {
        kit.context(WRITER).wake("trim-events");
        (extent(kit).await.0 == first).then_some(())
    })
    .await;
}

async fn cursor(kit: &Testkit, position: u64) {
    let mut tx = kit.context(LISTENER).store.begin(Scope::System).await.unwrap();
    tx.execute("UPDATE _cursors SET position = $1", params![i64::try_from(position).unwrap()]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn old_events_that_all_have_applied_are_deleted(backend: Backend) {
    let kit = start(backend).await;
    eventually("the listener to be known", async || known(&kit).await).await;
    note_all(&kit, &["1", "2", "3"]).await;
    until_kept(&kit, &["1", "2", "3"]).await;
    kit.clock.advance(WEEK);
    note_all(&kit, &["4", "5"]).await;
    until_kept(&kit, &["1", "2", "3", "4", "5"]).await;
    // One that is slower than the other keeps what it still needs.
    tell(&kit, "session-mgr", 2).await;
    tell(&kit, LISTENER, 5).await;
    until_first(&kit, 3).await;
    tell(&kit, "session-mgr", 5).await;
    // The last two are too young.
    until_first(&kit, 4).await;
    assert_eq!(extent(&kit).await, (4, 5));

    // The last event stays whatever its age, and numbers go on.
    kit.clock.advance(WEEK);
    tell(&kit, "session-mgr", 5).await;
    tell(&kit, LISTENER, 5).await;
    until_first(&kit, 5).await;
    note_all(&kit, &["6"]).await;
    until_kept(&kit, &["1", "2", "3", "4", "5", "6"]).await;
    assert_eq!(extent(&kit).await.1, 6);
}

async fn a_subscriber_says_how_far_it_is(backend: Backend) {
    let kit = start(backend).await;
    assert_eq!(eventually("the listener to be known", async || known(&kit).await).await, 0);
    note_all(&kit, &["1", "2"]).await;
    until_kept(&kit, &["1", "2"]).await;
    assert_eq!(post(&kit, "/internal/events/rewind", json!({"source": WRITER, "position": 1})).await, 204);
    until_kept(&kit, &["1", "2", "1", "2"]).await;
    assert_eq!(known(&kit).await, Some(0), "less than a minute ago it was there");
}

async fn who_fell_silent_is_waited_for_no_longer_and_told_so(backend: Backend) {
    let kit = start(backend).await;
    note_all(&kit, &["1", "2", "3"]).await;
    until_kept(&kit, &["1", "2", "3"]).await;
    tell(&kit, "session-mgr", 1).await;
    kit.clock.advance(SILENCE);
    tell(&kit, LISTENER, 3).await;
    until_first(&kit, 3).await;
    let ask = async |after: u64| {
        let path = format!("/internal/events?after={after}");
        kit.request_to(WRITER, Method::GET, &path).from_service("session-mgr").send().await
    };
    let refused = ask(1).await.expect(410);
    assert_eq!(refused.code(), "events-gone");
    assert!(refused.text().contains("begins with event 3"), "{}", refused.text());
    let _ = ask(2).await.expect(200);

    // The listener's own store is put back to where it was before.
    cursor(&kit, 1).await;
    let ready = eventually("the listener to say so", async || {
        let reply = kit.request_to(LISTENER, Method::GET, "/health/ready").send().await;
        (reply.status == 503).then(|| reply.value())
    })
    .await;
    let failed: Vec<&Value> = ready["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(failed[0]["name"], "events", "{ready}");
    assert!(failed[0]["error"].as_str().unwrap().contains("events 2 to 2"), "{ready}");
    let metrics = kit.request_to(LISTENER, Method::GET, "/metrics").send().await.text();
    let missing = format!("nexus_event_consumer_missing{{service=\"{LISTENER}\",source=\"{WRITER}\"}} 1");
    assert!(metrics.contains(&missing), "{metrics}");
    assert_eq!(post(&kit, "/internal/events/rewind", json!({"source": WRITER, "position": 1})).await, 410);

    // An operator decides to go on without it.
    let mut tx = kit.context(LISTENER).store.begin(Scope::System).await.unwrap();
    tx.execute("DELETE FROM _cursors", params![]).await.unwrap();
    tx.commit().await.unwrap();
    until_kept(&kit, &["1", "2", "3", "3"]).await;
    let _ = kit.request_to(LISTENER, Method::GET, "/health/ready").send().await.expect(200);
}

async fn nothing_is_deleted_before_all_could_say_that_they_are_there(backend: Backend) {
    let kit = start(backend).await;
    note_all(&kit, &["1", "2"]).await;
    until_kept(&kit, &["1", "2"]).await;
    // As after an upgrade: the events are old, and nobody has been asked for long.
    let mut tx = kit.context(WRITER).store.begin(Scope::System).await.unwrap();
    tx.execute("UPDATE _outbox SET time = 0", params![]).await.unwrap();
    tx.commit().await.unwrap();
    tell(&kit, LISTENER, 2).await;
    let runs = async || {
        let sql = "SELECT token FROM _leases WHERE name = 'trim-events' AND holder IS NULL";
        let found: Option<Scalar<u64>> =
            kit.context(WRITER).store.read(Scope::System).query_optional(sql, params![]).await.unwrap();
        found.map_or(0, |Scalar(token)| token)
    };
    let before = runs().await;
    eventually("two more runs", async || {
        kit.context(WRITER).wake("trim-events");
        (runs().await > before + 1).then_some(())
    })
    .await;
    assert_eq!(extent(&kit).await, (1, 2));
    kit.clock.advance(WEEK);
    tell(&kit, LISTENER, 2).await;
    until_first(&kit, 2).await;
}

on_each_database!(
    old_events_that_all_have_applied_are_deleted,
    a_subscriber_says_how_far_it_is,
    who_fell_silent_is_waited_for_no_longer_and_told_so,
    nothing_is_deleted_before_all_could_say_that_they_are_there,
);
