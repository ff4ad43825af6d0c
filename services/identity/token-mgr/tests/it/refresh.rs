use std::time::Duration;

use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::json;

use crate::on_each_database;
use crate::support::{alone, announced, issue, next_token, refresh};

on_each_database!(
    a_refresh_gives_the_next_pair,
    the_next_token_goes_the_way_that_the_last_one_came,
    a_spent_token_ends_the_whole_family,
    of_two_refreshes_at_the_same_moment_one_wins,
    another_session_is_not_touched,
    use_and_reuse_are_announced,
    what_is_not_used_for_too_long_ends,
);

async fn a_refresh_gives_the_next_pair(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue(&kit).await;
    let mut token = issued.refresh_token.expose().to_owned();
    let mut seen = vec![token.clone()];
    for _ in 0..5 {
        kit.clock.advance(Duration::from_mins(4));
        let reply = refresh(&kit, &token).await.expect(200);
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.value()["session_id"], person.session.to_string());
        assert_eq!((&reply.value()["token_type"], &reply.value()["expires_in"]), (&json!("Bearer"), &json!(300)));
        token = next_token(&reply);
        assert!(!seen.contains(&token));
        seen.push(token.clone());
    }
}

async fn the_next_token_goes_the_way_that_the_last_one_came(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue(&kit).await;
    let cookie = format!("theme=dark; nexus_refresh={}", issued.refresh_token.expose());
    let reply = kit.post("/api/tokens/refresh").header("cookie", &cookie).send().await.expect(200);
    assert!(reply.value().get("refresh_token").is_none());
    let next = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    let _ = kit.post("/api/tokens/refresh").header("cookie", &next).send().await.expect(200);
    // What is no longer good, a browser drops.
    let spent = kit.post("/api/tokens/refresh").header("cookie", &cookie).send().await.expect(401);
    assert!(spent.header("set-cookie").starts_with("nexus_refresh=; Max-Age=0"), "{}", spent.header("set-cookie"));

    let (_, issued) = issue(&kit).await;
    let reply = refresh(&kit, issued.refresh_token.expose()).await.expect(200);
    assert_eq!(reply.header("set-cookie"), "");
}

async fn a_spent_token_ends_the_whole_family(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue(&kit).await;
    let first = issued.refresh_token.expose();
    let second = next_token(&refresh(&kit, first).await.expect(200));
    let third = next_token(&refresh(&kit, &second).await.expect(200));
    for token in [first, &second, &third, first] {
        assert_eq!(refresh(&kit, token).await.expect(401).code(), "invalid-refresh-token");
    }
}

async fn of_two_refreshes_at_the_same_moment_one_wins(backend: Backend) {
    let kit = alone(backend).await;
    for _ in 0..10 {
        let (_, issued) = issue(&kit).await;
        let token = issued.refresh_token.expose();
        let (first, second) = tokio::join!(refresh(&kit, token), refresh(&kit, token));
        let (won, lost) = if first.status.is_success() { (first, second) } else { (second, first) };
        assert_eq!((won.status.as_u16(), lost.status.as_u16()), (200, 401));
        // One of the two was a copy, and nobody knows which: the family has ended.
        let _ = refresh(&kit, &next_token(&won)).await.expect(401);
    }
}

async fn another_session_is_not_touched(backend: Backend) {
    let kit = alone(backend).await;
    let ((_, ended), (_, other)) = (issue(&kit).await, issue(&kit).await);
    for expected in [200, 401] {
        let _ = refresh(&kit, ended.refresh_token.expose()).await.expect(expected);
    }
    let _ = refresh(&kit, other.refresh_token.expose()).await.expect(200);
}

async fn use_and_reuse_are_announced(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue(&kit).await;
    for expected in [200, 401, 401] {
        let _ = refresh(&kit, issued.refresh_token.expose()).await.expect(expected);
    }
    let events = eventually("both are announced", async || {
        let events = announced(&kit).await;
        (events.contains("tokens.refreshed.v1") && events.contains("refresh-token.reused.v1")).then_some(events)
    })
    .await;
    assert_eq!(events.matches("refresh-token.reused.v1").count(), 1, "{events}");
    assert!(events.contains(&person.session.to_string()));
    assert!(!events.contains(issued.refresh_token.expose()));
}

async fn what_is_not_used_for_too_long_ends(backend: Backend) {
    let kit =
        Testkit::start_with(backend, vec![token_mgr::service()], |config| config.sessions.idle_minutes = 60).await;
    let (_, used) = issue(&kit).await;
    let (forgotten, unused) = issue(&kit).await;
    let mut token = used.refresh_token.expose().to_owned();
    for _ in 0..4 {
        kit.clock.advance(Duration::from_mins(59));
        token = next_token(&refresh(&kit, &token).await.expect(200));
    }
    // Too late by rule, whether or not the job has come by.
    assert_eq!(refresh(&kit, unused.refresh_token.expose()).await.expect(401).code(), "invalid-refresh-token");
    kit.context("token-mgr").wake("end-idle");
    let events = eventually("its end is announced", async || {
        let events = announced(&kit).await;
        events.contains("family.ended.v1").then_some(events)
    })
    .await;
    assert!(events.contains("\"idle\"") && events.contains(&forgotten.session.to_string()), "{events}");
    let _ = refresh(&kit, &token).await.expect(200);
}
