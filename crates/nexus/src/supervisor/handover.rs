//! The gateway's public port belongs to the supervisor, which hands it to each gateway process: the port stays open while one
//! process takes over from another, and connections that arrive meanwhile wait in the system's queue.

use std::net::TcpListener;
use std::os::fd::OwnedFd;

use command_fds::{CommandFdExt, FdMapping};
use tokio::process::Command;

/// The first descriptor that is handed down (`sd_listen_fds(3)`).
const FIRST: i32 = 3;
/// How many there are (`sd_listen_fds(3)`).
const COUNT: &str = "LISTEN_FDS";

/// Hands a copy of the listener to the process.
pub(super) fn give(command: &mut Command, listener: &TcpListener) -> std::io::Result<()> {
    let parent_fd = OwnedFd::from(listener.try_clone()?);
    command
        .fd_mappings(vec![FdMapping { parent_fd, child_fd: FIRST }])
        .map_err(|_| std::io::Error::other("two listeners have the same number"))?;
    command.env(COUNT, "1");
    Ok(())
}

/// The listener that was handed to this process, by a supervisor or by systemd; `None` when there is none.
pub(crate) fn inherited() -> std::io::Result<Option<tokio::net::TcpListener>> {
    let Some(listener) = listenfd::ListenFd::from_env().take_tcp_listener(0)? else { return Ok(None) };
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener).map(Some)
}
