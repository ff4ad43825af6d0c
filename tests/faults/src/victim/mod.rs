//! The services, and the process around them.

mod front;
mod listener;
pub(crate) mod process;
mod writer;
