//! How much anybody may ask for.

use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::Person;
use serde_json::json;

use crate::support::started;

const HOME: [u8; 4] = [203, 0, 113, 9];
const AWAY: [u8; 4] = [203, 0, 113, 10];

#[tokio::test]
async fn an_address_that_asks_too_much_waits_and_others_do_not() {
    let kit = started(|config| {
        config.gateway.burst = 3;
        config.gateway.requests_per_second = 0.5;
    })
    .await;
    for left in ["2", "1", "0"] {
        let reply = kit.get("/api/content/echo").from_address(HOME).send().await.expect(200);
        assert_eq!(
            (reply.header("ratelimit-limit").as_str(), reply.header("ratelimit-remaining").as_str()),
            ("3", left)
        );
    }
    let reply = kit.get("/api/content/echo").from_address(HOME).send().await.expect(429);
    assert_eq!((reply.code().as_str(), reply.header("retry-after").as_str()), ("rate-limited", "2"));
    assert_eq!((reply.header("ratelimit-remaining").as_str(), reply.header("ratelimit-reset").as_str()), ("0", "6"));
    let _ = kit.get("/api/content/echo").from_address(AWAY).send().await.expect(200);
    kit.clock.advance(Duration::from_secs(2));
    let _ = kit.get("/api/content/echo").from_address(HOME).send().await.expect(200);
    let _ = kit.get("/health/live").from_address(HOME).send().await.expect(200);
}

#[tokio::test]
async fn what_a_client_writes_into_the_forwarded_header_gives_it_no_new_allowance() {
    let kit = started(|config| config.gateway.burst = 1).await;
    let from = |noted: &str| kit.get("/api/content/echo").from_address(HOME).header("x-forwarded-for", noted);
    let _ = from("1.1.1.1").send().await.expect(200);
    let _ = from("2.2.2.2").send().await.expect(429);
}

#[tokio::test]
async fn a_person_has_one_allowance_from_wherever() {
    let kit = started(|config| config.gateway.burst = 2).await;
    let token = kit.token(&Person::new(Role::Member));
    let from = |last| kit.get("/api/scheduler/tasks").from_address([203, 0, 113, last]).bearer(&token);
    let _ = from(1).send().await.expect(200);
    let _ = from(2).send().await.expect(200);
    assert_eq!(from(3).send().await.expect(429).code(), "rate-limited");
    let other = kit.token(&Person::new(Role::Member));
    let _ = kit.get("/api/scheduler/tasks").from_address([203, 0, 113, 3]).bearer(other).send().await.expect(200);
}

#[tokio::test]
async fn signing_in_is_limited_more_strictly_than_the_rest() {
    let kit = started(|config| config.gateway.sign_in_per_minute = 2).await;
    let try_out = |path: &str| kit.post(path).from_address(HOME).json(json!({}));
    for path in ["/api/auth/login", "/api/tokens/refresh"] {
        assert_ne!(try_out(path).send().await.status, 429, "{path}");
    }
    for path in ["/api/auth/login", "/api/auth/register", "/api/users/setup", "/api/tokens/refresh"] {
        assert_eq!(try_out(path).send().await.expect(429).header("ratelimit-limit"), "2", "{path}");
    }
    let _ = kit.get("/api/content/echo").from_address(HOME).send().await.expect(200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_the_service_sees_it() {
    let kit = started(|config| config.gateway.body_limit = 1_000).await;
    let body = |length| json!("x".repeat(length));
    let _ = kit.post("/api/content/json").json(body(998)).send().await.expect(200);
    assert_eq!(kit.post("/api/content/json").json(body(999)).send().await.expect(413).code(), "body-too-large");
}

#[tokio::test]
async fn a_piece_of_a_file_may_be_larger_than_any_other_body() {
    let kit = started(|config| config.gateway.body_limit = 1_000).await;
    let token = kit.token(&Person::new(Role::Member));
    let piece = |kind: &str| {
        kit.patch("/api/dsp/upload/files/1").bearer(&token).header("content-type", kind).bytes(vec![0; 100_000])
    };
    assert_eq!(piece("application/offset+octet-stream").send().await.expect(200).text(), "100000");
    assert_eq!(piece("application/json").send().await.expect(413).code(), "body-too-large");
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused_with_the_reason() {
    let kit = started(|_| {}).await;
    let reply = kit.get("/api/content/echo").header("x-much", "a".repeat(17_000)).send().await.expect(431);
    assert_eq!(reply.code(), "headers-too-large");
    let reply = kit.get(&format!("/api/content/echo?{}", "a".repeat(8_200))).send().await.expect(414);
    assert_eq!(reply.code(), "uri-too-long");
}

#[tokio::test]
async fn two_gateways_on_one_redis_let_in_together_what_one_would() {
    let url = std::env::var("NEXUS_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let adjust = |config: &mut nexus_kernel::config::Config| {
        config.cache.redis = url.as_str().into();
        config.gateway.burst = 20;
        config.gateway.requests_per_second = 0.001;
    };
    let gateways = [started(adjust).await, started(adjust).await];
    // One that no other run counts.
    let random = uuid::Uuid::now_v7().into_bytes();
    let address = [10, random[13], random[14], random[15]];
    let asked = (0..60).map(|index| gateways[index % 2].get("/api/content/echo").from_address(address).send());
    let replies = futures::future::join_all(asked).await;
    let count = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(200), count(429)), (20, 40));
}
