use std::time::Duration;

use nexus_testkit::{Backend, Person, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{OWNER, PASSWORD, member, outcome, ready};

const GRACE: &str = "grace@example.com";

on_each_database!(
    people_see_and_rename_themselves,
    a_change_must_name_the_version_that_it_changes,
    people_change_their_password_with_the_one_before,
    the_new_password_obeys_the_rules,
    guessing_the_current_password_is_slow,
);

async fn people_see_and_rename_themselves(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let me = kit.get("/api/users/me").bearer(kit.token(&grace)).send().await.expect(200);
    assert_eq!(me.value()["email"], GRACE);
    assert_eq!(me.header("cache-control"), "no-store");
    let renamed = rename(&kit, &grace, &me.header("etag"), json!(" Grace Hopper ")).await.expect(200);
    assert_eq!(renamed.value()["name"], "Grace Hopper");
    assert_ne!(renamed.header("etag"), me.header("etag"));
    let after = kit.get("/api/users/me").bearer(kit.token(&grace)).send().await.expect(200);
    assert_eq!(after.value(), renamed.value());
    let own = kit.get(&format!("/api/users/{}", grace.user)).bearer(kit.token(&grace)).send().await.expect(200);
    assert_eq!(own.value(), after.value());
}

async fn rename(kit: &Testkit, who: &Person, etag: &str, name: Value) -> nexus_testkit::Reply {
    let request = kit.patch("/api/users/me").bearer(kit.token(who)).json(json!({"name": name}));
    if etag.is_empty() { request.send().await } else { request.header("if-match", etag).send().await }
}

async fn a_change_must_name_the_version_that_it_changes(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    assert_eq!(rename(&kit, &owner, "", json!("Ada L.")).await.expect(428).code(), "precondition-required");
    let _ = rename(&kit, &owner, "\"1\"", json!("Ada L.")).await.expect(200);
    assert_eq!(rename(&kit, &owner, "\"1\"", json!("Ada M.")).await.expect(412).code(), "precondition-failed");
    let _ = rename(&kit, &owner, "\"two\"", json!("Ada M.")).await.expect(412);
    let _ = rename(&kit, &owner, "\"2\"", json!("x".repeat(101))).await.expect(422);
    let _ = rename(&kit, &owner, "\"2\"", json!({"first": "Ada"})).await.expect(422);
    // Two at the same moment: one wins.
    let (first, second) =
        tokio::join!(rename(&kit, &owner, "\"2\"", json!("Ada N.")), rename(&kit, &owner, "\"2\"", json!("Ada O.")));
    let mut answers = [first.status.as_u16(), second.status.as_u16()];
    answers.sort_unstable();
    assert_eq!(answers, [200, 412]);
}

async fn change(kit: &Testkit, who: &Person, current: &str, new: &str) -> nexus_testkit::Reply {
    let body = json!({"current_password": current, "new_password": new});
    kit.post("/api/users/me/password").bearer(kit.token(who)).json(body).send().await
}

async fn people_change_their_password_with_the_one_before(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let wrong = change(&kit, &owner, "not my password", "a better password").await.expect(403);
    assert_eq!(wrong.code(), "wrong-password");
    let _ = change(&kit, &owner, PASSWORD, "a better password").await.expect(204);
    assert_eq!(outcome(&kit, OWNER, "a better password").await, "valid");
    assert_eq!(outcome(&kit, OWNER, PASSWORD).await, "invalid");
    let _ = change(&kit, &owner, PASSWORD, "another good password").await.expect(403);
}

async fn the_new_password_obeys_the_rules(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    for new in ["short", "Password123", "Owner@example.com", &"x".repeat(129)] {
        let refused = change(&kit, &owner, PASSWORD, new).await.expect(422).value();
        assert_eq!(refused["errors"][0]["field"], "new_password", "{refused}");
    }
    assert_eq!(outcome(&kit, OWNER, PASSWORD).await, "valid");
}

async fn guessing_the_current_password_is_slow(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    for guess in 0..5 {
        let _ = change(&kit, &owner, &format!("guess number {guess}"), "a better password").await.expect(403);
    }
    let slow = change(&kit, &owner, PASSWORD, "a better password").await.expect(429);
    assert_eq!(slow.code(), "too-many-attempts");
    let wait: u64 = slow.header("retry-after").parse().unwrap();
    kit.clock.advance(Duration::from_secs(wait));
    let _ = change(&kit, &owner, PASSWORD, "a better password").await.expect(204);
}
