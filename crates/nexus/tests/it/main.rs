//! The program as its users meet it: run as a process of its own.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod command_line;
mod copies;
mod declared;
mod distributed;
mod load;
mod program;
mod running;
mod secured;
mod supervision;
