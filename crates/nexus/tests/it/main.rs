//! The program as its users meet it: run as a process of its own.

mod command_line;
mod declared;
mod program;
mod running;
