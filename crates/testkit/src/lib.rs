//! Boots any set of services on any backend, for tests: the same runtime as the binary, a clock that the test moves, and
//! requests that read as a conversation.

mod backend;
mod bucket;
mod cloud;
mod keeper;
mod nats;
mod person;
mod request;
mod wait;

pub use backend::{Backend, Database};
pub use bucket::Bucket;
pub use cloud::Testkit;
pub use nats::NatsServer;
pub use person::{Person, key_publisher, sign};
pub use request::{Reply, Request};
pub use wait::{eventually, eventually_within};
