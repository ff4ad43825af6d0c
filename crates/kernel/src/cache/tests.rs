//! The same tests on both backends, then those of an outage.

use std::net::SocketAddr;
use std::time::Duration;

use nexus_testkit::eventually;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::limit::gcra;
use crate::time::Timestamp;

const MINUTE: Duration = Duration::from_mins(1);

struct Fixture {
    cache: Cache,
    clock: Clock,
    /// Tests share one server, and each has its own keys.
    key: String,
}

fn redis_url() -> String {
    std::env::var("NEXUS_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned())
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_micros(1_700_000_000_123_456))
}

fn key() -> String {
    format!("test-{:032x}", rand::random::<u128>())
}

impl Fixture {
    fn embedded() -> Self {
        let clock = clock();
        Self { cache: Cache::embedded(clock.clone()), clock, key: key() }
    }

    async fn redis() -> Self {
        let clock = clock();
        Self { cache: Cache::redis(&redis_url(), clock.clone()).await.unwrap(), clock, key: key() }
    }
}

macro_rules! on_both_backends {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Fixture::embedded()).await;
            })*
        }
        mod redis {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Fixture::redis().await).await;
            })*
        }
    };
}

on_both_backends!(
    a_value_is_there_until_its_time_is_over,
    a_value_that_was_deleted_is_gone,
    any_bytes_come_back_as_they_went_in,
    the_last_value_and_its_time_count,
    limits_and_values_of_the_same_key_are_apart,
    each_decision_is_that_of_the_pure_function,
    requests_at_the_same_moment_share_one_quota,
);

async fn a_value_is_there_until_its_time_is_over(Fixture { cache, clock, key }: Fixture) {
    assert_eq!(cache.get(&key).await.unwrap(), None);
    cache.set(&key, "value", MINUTE).await.unwrap();
    clock.advance(Duration::from_micros(59_999_999));
    assert_eq!(cache.get(&key).await.unwrap().as_deref(), Some(&b"value"[..]));
    clock.advance(Duration::from_micros(1));
    assert_eq!(cache.get(&key).await.unwrap(), None);
}

async fn a_value_that_was_deleted_is_gone(Fixture { cache, key, .. }: Fixture) {
    cache.set(&key, "value", MINUTE).await.unwrap();
    cache.delete(&key).await.unwrap();
    assert_eq!(cache.get(&key).await.unwrap(), None);
    cache.delete(&key).await.unwrap();
}

async fn any_bytes_come_back_as_they_went_in(Fixture { cache, key, .. }: Fixture) {
    for value in [vec![], vec![0], (0..=255).collect::<Vec<u8>>(), vec![0xff; 100_000]] {
        cache.set(&key, value.clone(), MINUTE).await.unwrap();
        assert_eq!(cache.get(&key).await.unwrap().unwrap(), value);
    }
}

async fn the_last_value_and_its_time_count(Fixture { cache, clock, key }: Fixture) {
    cache.set(&key, "first", Duration::from_secs(1)).await.unwrap();
    cache.set(&key, "second", Duration::MAX).await.unwrap();
    clock.advance(MINUTE);
    assert_eq!(cache.get(&key).await.unwrap().unwrap(), "second");
}

async fn limits_and_values_of_the_same_key_are_apart(Fixture { cache, key, .. }: Fixture) {
    assert!(cache.limit(&key, Quota::per_minute(1)).await.unwrap().allowed);
    cache.set(&key, "value", MINUTE).await.unwrap();
    assert!(!cache.limit(&key, Quota::per_minute(1)).await.unwrap().allowed);
    cache.delete(&key).await.unwrap();
    assert!(!cache.limit(&key, Quota::per_minute(1)).await.unwrap().allowed);
}

async fn each_decision_is_that_of_the_pure_function(Fixture { cache, clock, key }: Fixture) {
    let quota = Quota::per_second(7.0, 5);
    let mut whole_at = None;
    for step in 0_u64..60 {
        clock.advance(Duration::from_micros(step * 7_919 % 190_001));
        let (expected, next) = gcra(whole_at, clock.now(), &quota);
        whole_at = Some(next);
        assert_eq!(cache.limit(&key, quota).await.unwrap(), expected, "step {step}");
    }
}

async fn requests_at_the_same_moment_share_one_quota(Fixture { cache, key, .. }: Fixture) {
    let quota = Quota::per_minute(20);
    let requests = (0..100).map(|_| {
        let (cache, key) = (cache.clone(), key.clone());
        tokio::spawn(async move { cache.limit(&key, quota).await.unwrap() })
    });
    let decisions = futures::future::try_join_all(requests).await.unwrap();
    assert_eq!(decisions.iter().filter(|decision| decision.allowed).count(), 20);
    let mut remaining: Vec<u32> =
        decisions.iter().filter(|decision| decision.allowed).map(|decision| decision.remaining).collect();
    remaining.sort_unstable();
    assert_eq!(remaining, (0..20).collect::<Vec<u32>>());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_at_start() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Cache::redis(&format!("redis://:hush@{address}"), clock()).await.unwrap_err();
    assert!(matches!(error, CacheError::Unavailable(_)), "{error}");
    assert!(!error.to_string().contains("hush"), "{error}");
    assert!(matches!(Cache::redis("http://host", clock()).await, Err(CacheError::Url(_))));
}

/// Stands between the cache and the server, until it is aborted.
async fn relay(listen: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = redis_url().trim_start_matches("redis://").to_owned();
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let server = server.clone();
            connections.spawn(async move {
                let mut far = TcpStream::connect(&server).await.unwrap();
                tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
            });
        }
    });
    (address, task)
}

async fn until(cache: &Cache, key: &str, works: bool) {
    eventually("the cache notices", async || (cache.get(key).await.is_ok() == works).then_some(())).await;
}

#[tokio::test]
async fn an_outage_is_an_error_of_each_call_and_ends_by_itself() {
    let (address, running) = relay(SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let cache = Cache::redis(&format!("redis://{address}"), clock()).await.unwrap();
    let key = key();
    cache.set(&key, "value", MINUTE).await.unwrap();

    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    until(&cache, &key, false).await;
    assert!(matches!(cache.get(&key).await, Err(CacheError::Unavailable(_))));
    assert!(matches!(cache.set(&key, "other", MINUTE).await, Err(CacheError::Unavailable(_))));
    assert!(matches!(cache.limit(&key, Quota::per_minute(1)).await, Err(CacheError::Unavailable(_))));

    let (_, running) = relay(address).await;
    until(&cache, &key, true).await;
    assert_eq!(cache.get(&key).await.unwrap().unwrap(), "value");
    running.abort();
}
