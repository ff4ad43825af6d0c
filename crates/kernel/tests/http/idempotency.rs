//! Requests that come twice.

use std::sync::atomic::Ordering;
use std::time::Duration;

use nexus_kernel::store::{Query, Scalar, Scope};
use nexus_kernel::{Role, params};
use nexus_testkit::{Backend, Person, Request, Testkit};
use serde_json::json;

use crate::on_each_backend;
use crate::support::{Inside, NAME, service};

async fn started(backend: Backend) -> (Testkit, Inside, String) {
    let inside = Inside::default();
    let kit = Testkit::start(backend, vec![service(&inside)]).await;
    let token = kit.token(&Person::new(Role::Editor));
    (kit, inside, token)
}

fn make(kit: &Testkit, token: &str, key: &str, text: &str) -> Request {
    kit.post("/api/scheduler/notes")
        .bearer(token)
        .header("idempotency-key", key)
        .json(json!({"text": text, "weight": 1}))
}

async fn a_repeat_gets_the_first_reply_and_does_nothing(backend: Backend) {
    let (kit, inside, token) = started(backend).await;
    let first = make(&kit, &token, "k", "a").send().await.expect(201);
    let again = make(&kit, &token, "k", "a").send().await.expect(201);
    assert_eq!(
        (&again.body, again.header("etag"), again.header("content-type")),
        (&first.body, first.header("etag"), first.header("content-type"))
    );
    assert_eq!(
        (first.header("idempotency-replayed").as_str(), again.header("idempotency-replayed").as_str()),
        ("", "true")
    );
    assert_eq!(inside.made.load(Ordering::SeqCst), 1);
    assert_eq!(make(&kit, &token, "other", "a").send().await.expect(201).value()["number"], 2);
}

async fn another_body_under_the_same_key_is_refused(backend: Backend) {
    let (kit, inside, token) = started(backend).await;
    let _ = make(&kit, &token, "k", "a").send().await.expect(201);
    assert_eq!(make(&kit, &token, "k", "b").send().await.expect(422).code(), "idempotency-key-reused");
    assert_eq!(inside.made.load(Ordering::SeqCst), 1);
}

async fn a_key_belongs_to_the_person_who_sent_it(backend: Backend) {
    let (kit, inside, token) = started(backend).await;
    let other = kit.token(&Person::new(Role::Editor));
    let _ = make(&kit, &token, "k", "a").send().await.expect(201);
    let reply = make(&kit, &other, "k", "a").send().await.expect(201);
    assert_eq!((reply.header("idempotency-replayed").as_str(), inside.made.load(Ordering::SeqCst)), ("", 2));
    // Nobody's reply is kept for somebody else, so a stranger's key means nothing.
    for expected in ["2", "3"] {
        let reply = kit.post("/api/scheduler/open").header("idempotency-key", "k").send().await.expect(200);
        assert_eq!(reply.text(), expected);
    }
}

async fn a_request_that_the_service_failed_is_done_again(backend: Backend) {
    let (kit, inside, token) = started(backend).await;
    inside.fails.store(true, Ordering::SeqCst);
    let _ = make(&kit, &token, "k", "a").send().await.expect(503);
    inside.fails.store(false, Ordering::SeqCst);
    let _ = make(&kit, &token, "k", "a").send().await.expect(201);
}

async fn a_refusal_is_a_reply_like_any_other(backend: Backend) {
    let (kit, _, token) = started(backend).await;
    let _ = make(&kit, &token, "k", "").send().await.expect(422);
    let again = make(&kit, &token, "k", "").send().await.expect(422);
    assert_eq!((again.header("idempotency-replayed").as_str(), again.code().as_str()), ("true", "validation-failed"));
}

async fn a_repeat_while_the_first_still_runs_waits_its_turn(backend: Backend) {
    let (kit, inside, token) = started(backend).await;
    let slow = || kit.post("/api/scheduler/slow").bearer(&token).header("idempotency-key", "k");
    let first = tokio::spawn(slow().send());
    inside.entered.notified().await;
    let again = slow().send().await.expect(409);
    assert_eq!(again.code(), "idempotency-key-in-use");
    assert!(!again.header("retry-after").is_empty());
    inside.go_on.notify_one();
    let _ = first.await.unwrap().expect(200);
    assert_eq!(slow().send().await.expect(200).text(), "done");
    assert_eq!(inside.made.load(Ordering::SeqCst), 1);
}

async fn a_first_request_that_was_lost_does_not_hold_its_key_and_replies_are_kept_for_a_day(backend: Backend) {
    let (kit, inside, _) = started(backend).await;
    let person = Person::new(Role::Editor);
    let slow = || kit.post("/api/scheduler/slow").bearer(kit.token(&person)).header("idempotency-key", "k");
    let lost = tokio::spawn(slow().send());
    inside.entered.notified().await;
    lost.abort();
    let _ = slow().send().await.expect(409);
    kit.clock.advance(Duration::from_secs(61));
    inside.go_on.notify_one();
    let _ = slow().send().await.expect(200);
    assert_eq!(slow().send().await.expect(200).header("idempotency-replayed"), "true");
    kit.clock.advance(Duration::from_hours(25));
    inside.go_on.notify_one();
    assert_eq!(slow().send().await.expect(200).header("idempotency-replayed"), "");
}

fn keep(kit: &Testkit, token: &str) -> Request {
    kit.post("/api/scheduler/kept").bearer(token).header("idempotency-key", "k")
}

async fn kept(kit: &Testkit) -> i64 {
    let store = &kit.context(NAME).store;
    let Scalar(rows) =
        store.read(Scope::System).query_one("SELECT COUNT(*) AS kept FROM kept", params![]).await.unwrap();
    rows
}

async fn a_reply_that_was_committed_with_its_change_is_there_whatever_happened_after(backend: Backend) {
    let (kit, inside, token) = started(backend).await;
    inside.fails.store(true, Ordering::SeqCst);
    inside.go_on.notify_one();
    let _ = keep(&kit, &token).send().await.expect(503);
    let again = keep(&kit, &token).send().await.expect(201);
    assert_eq!((again.text().as_str(), again.header("idempotency-replayed").as_str()), ("kept", "true"));
    assert_eq!(kept(&kit).await, 1);
}

async fn a_request_that_was_taken_for_dead_changes_nothing_any_more(backend: Backend) {
    let (kit, inside, _) = started(backend).await;
    let person = Person::new(Role::Editor);
    let first = tokio::spawn(keep(&kit, &kit.token(&person)).send());
    inside.entered.notified().await;
    kit.clock.advance(Duration::from_secs(61));
    let second = tokio::spawn(keep(&kit, &kit.token(&person)).send());
    inside.entered.notified().await;
    // Notified in the order in which they wait.
    inside.go_on.notify_one();
    assert_eq!(first.await.unwrap().expect(409).code(), "idempotency-key-in-use");
    assert_eq!(kept(&kit).await, 0);
    inside.go_on.notify_one();
    let _ = second.await.unwrap().expect(201);
    assert_eq!(keep(&kit, &kit.token(&person)).send().await.expect(201).header("idempotency-replayed"), "true");
    assert_eq!(kept(&kit).await, 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let (kit, _, token) = started(Backend::Sqlite).await;
    for key in [String::new(), "k".repeat(256)] {
        assert_eq!(make(&kit, &token, &key, "a").send().await.expect(400).code(), "invalid-idempotency-key", "{key}");
    }
}

on_each_backend!(
    a_repeat_gets_the_first_reply_and_does_nothing,
    another_body_under_the_same_key_is_refused,
    a_key_belongs_to_the_person_who_sent_it,
    a_request_that_the_service_failed_is_done_again,
    a_refusal_is_a_reply_like_any_other,
    a_repeat_while_the_first_still_runs_waits_its_turn,
    a_first_request_that_was_lost_does_not_hold_its_key_and_replies_are_kept_for_a_day,
    a_reply_that_was_committed_with_its_change_is_there_whatever_happened_after,
    a_request_that_was_taken_for_dead_changes_nothing_any_more,
);
