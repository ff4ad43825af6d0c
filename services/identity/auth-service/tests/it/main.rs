//! Signing in and out over HTTP, with all services that it takes, on each database.

#![expect(clippy::unwrap_used, reason = "a test ends where what it needs is not there")]

mod audit;
mod devices;
mod enumeration;
mod hostile;
mod hub;
mod links;
mod lockout;
mod parts;
mod second_factor;
mod sessions;
mod sign_in;
mod step_up;
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
