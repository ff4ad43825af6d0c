//! The gateway's ports belong to the supervisor, which hands them to each gateway process: they stay open while one process
//! takes over from another, and connections that arrive meanwhile wait in the system's queue.

use std::net::TcpListener;
use std::os::fd::OwnedFd;

use backend_api::Listeners;
use command_fds::{CommandFdExt, FdMapping};
use tokio::process::Command;

/// The first descriptor that is handed down (`sd_listen_fds(3)`).
const FIRST: i32 = 3;
/// How many there are (`sd_listen_fds(3)`).
const COUNT: &str = "LISTEN_FDS";

/// Hands copies of the listeners to the process.
pub(super) fn give(command: &mut Command, listeners: &[TcpListener]) -> std::io::Result<()> {
    let copy = |(listener, child_fd): (&TcpListener, i32)| {
        Ok(FdMapping { parent_fd: OwnedFd::from(listener.try_clone()?), child_fd })
    };
    let mappings = listeners.iter().zip(FIRST..).map(copy).collect::<std::io::Result<_>>()?;
    command.fd_mappings(mappings).map_err(|_| std::io::Error::other("two listeners have the same number"))?;
    command.env(COUNT, listeners.len().to_string());
    Ok(())
}

/// The listeners that were handed to this process, by a supervisor or by systemd: the one for everybody, and then the one for
/// plain HTTP; `None` when there are none.
pub(crate) fn inherited() -> std::io::Result<Option<Listeners>> {
    let mut handed = listenfd::ListenFd::from_env();
    let mut take = |index| {
        let Some(listener) = handed.take_tcp_listener(index)? else { return Ok(None) };
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener).map(Some)
    };
    let Some(public) = take(0)? else { return Ok(None) };
    Ok(Some(Listeners { public, plain: take(1)? }))
}
