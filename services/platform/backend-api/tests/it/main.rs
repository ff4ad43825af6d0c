//! The gateway over HTTP: through its router, and through real connections where the connection matters.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod browser;
mod connection;
mod console;
mod documents;
mod hostile;
mod identity;
mod instances;
mod limits;
mod log;
mod overload;
mod plain;
mod reading;
mod routing;
mod support;
mod system;
mod tls;
mod tokens;

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
