//! Boots any set of services on any backend, for tests: the same runtime as the binary, a clock that the test moves, and
//! requests that read as a conversation.

mod backend;
mod cloud;
mod person;
mod request;
mod wait;

pub use backend::{Backend, Database};
pub use cloud::Testkit;
pub use person::Person;
pub use request::{Reply, Request};
pub use wait::{eventually, eventually_within};
