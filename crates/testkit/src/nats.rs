//! A NATS server that a test may kill.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::wait::eventually;

/// A NATS server with JetStream of the test's own, at the same address however often it is started.
#[derive(Debug)]
pub struct NatsServer {
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl NatsServer {
    /// A server that answers.
    ///
    /// # Panics
    /// When `nats-server` can't be run.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("the system has a folder for temporary files");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("a port is free").port();
        let mut server = Self { port, folder, child: None };
        server.start_again().await;
        server
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it after it was killed, with what its disk kept.
    ///
    /// # Panics
    /// When `nats-server` can't be run.
    pub async fn start_again(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("nats-server");
        command.args(["-js", "-a", "127.0.0.1", "-p", &port, "-sd"]).arg(self.folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(child.expect("nats-server is installed (Debian: apt-get install nats-server)"));
        let address = (Ipv4Addr::LOCALHOST, self.port);
        eventually("the NATS server to answer", async || TcpStream::connect(address).await.ok()).await;
    }

    /// Ends it as a power failure would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It has ended already when it could not start.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Takes away all that its disk kept; for a server that was killed.
    pub fn wipe(&self) {
        remove_all(self.folder.path());
    }
}

fn remove_all(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let _ = std::fs::remove_dir_all(entry.path()).or_else(|_| std::fs::remove_file(entry.path()));
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
