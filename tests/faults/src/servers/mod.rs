//! The servers under the system, its own, to be stopped and wiped at will.

mod nats;
mod postgres;
mod redis;

use std::path::{Path, PathBuf};

use tokio::net::TcpListener;
use tokio::process::Child;

use crate::program::{Program, signal};

pub use nats::Nats;
pub use postgres::{Postgres, Primary, Role};
pub use redis::Redis;

/// Where a server is.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder that is its own, and holds its log.
    pub folder: PathBuf,
    /// The address that it listens on.
    pub address: String,
    /// The network that it runs in, when it is not the machine's.
    pub namespace: Option<String>,
}

/// A running server, or one that could run.
#[derive(Debug)]
pub(crate) struct Server {
    program: Program,
    log: PathBuf,
    child: Option<Child>,
    /// The signal that makes it end when the suite does.
    end: &'static str,
}

impl Server {
    pub(crate) fn new(program: Program, log: &Path, end: &'static str) -> Self {
        Self { program, log: log.to_owned(), child: None, end }
    }

    /// Starts it, unless it runs.
    pub(crate) fn start(&mut self) {
        let ended = self.child.as_mut().is_none_or(|child| matches!(child.try_wait(), Ok(Some(_))));
        if ended {
            self.child = Some(self.program.spawn(&self.log));
        }
    }

    /// Whether it has ended, by itself or by us.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| matches!(child.try_wait(), Ok(Some(_))))
    }

    /// Sends it a signal and waits for its end.
    pub(crate) async fn stop(&mut self, name: &str) {
        if let Some(mut child) = self.child.take() {
            if let Some(pid) = child.id() {
                signal(pid, name);
            }
            child.wait().await.expect("it is our child");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = self.child.as_ref().and_then(Child::id) {
            signal(pid, self.end);
        }
    }
}

/// A port that nobody has. Another program may take it before ours does; then the suite says that its server did not start.
pub(crate) async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
