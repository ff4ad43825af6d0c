//! The mesh, over both transports with the same assertions.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod authority;
mod balancing;
mod calls;
mod failures;
mod forwarding;
mod http;
mod identity;
mod patience;
mod world;

/// Each test once in process and once over HTTP.
macro_rules! over_both_transports {
    ($($name:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::world::World::in_process()).await;
            })*
        }
        mod over_http {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::world::World::over_http()).await;
            })*
        }
    };
}

pub(crate) use over_both_transports;
