//! Playback over HTTP, on each database: alone with a stand-in for the transcoder, and the whole way with all media services.

#![expect(clippy::unwrap_used, reason = "a test ends where what it needs is not there")]

mod delivery;
mod journey;
mod playback;
mod stand_in;
mod support;
mod tasks;

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
