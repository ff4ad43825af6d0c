//! Events between two services: applied once, in order, whatever fails.
//!
//! The services borrow two names of the registry; what they do here is the test's own.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod carriers;
mod delivery;
mod failures;
mod instances;
mod observing;
mod support;
mod trimming;

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
