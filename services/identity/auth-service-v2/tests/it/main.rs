//! OAuth 2.1 and `OpenID` Connect over HTTP, on each database.

#![expect(clippy::unwrap_used, reason = "a test ends where what it needs is not there")]

mod applications;
mod authorizations;
mod clients;
mod code_flow;
mod devices;
mod endings;
mod exchange;
mod hostile;
mod proofs;
mod support;

/// Declares each test on both databases.
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                Box::pin(super::$name(nexus_testkit::Backend::Sqlite)).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                Box::pin(super::$name(nexus_testkit::Backend::Postgres)).await;
            })+
        }
    };
}
use on_each_database;
