//! A small distributed system out of the real kernel, servers of its own under it, clients that write to it, and faults that
//! happen to all of them. Whatever happens, no acknowledged write is lost, no effect happens twice, and no two leaders act.
//!
//! The system is the program of this crate (`main.rs`, the victim); everything here runs in the test.

pub mod checker;
pub mod client;
pub mod clock;
pub mod disk;
pub mod fault;
pub mod load;
pub mod network;
pub mod process;
pub mod program;
pub mod scenario;
pub mod servers;
pub mod system;
pub mod table;
pub mod wire;
