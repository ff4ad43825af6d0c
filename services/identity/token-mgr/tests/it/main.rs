//! Tokens over HTTP, on each database.

#![expect(clippy::unwrap_used, reason = "a test ends where what it needs is not there")]

mod api_tokens;
mod forgery;
mod grants;
mod hostile;
mod id_tokens;
mod introspection;
mod issue;
mod keys;
mod refresh;
mod revoke;
mod sealing;
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
