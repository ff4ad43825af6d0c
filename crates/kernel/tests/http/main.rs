//! What every service does alike, over HTTP: errors, input, versions, repeats, health, who may do what.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod access;
mod health;
mod idempotency;
mod input;
mod problems;
mod scopes;
mod support;

/// Makes each of these functions a test on SQLite and one on PostgreSQL.
macro_rules! on_each_backend {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(nexus_testkit::Backend::Sqlite).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(nexus_testkit::Backend::Postgres).await;
            })*
        }
    };
}
use on_each_backend;
