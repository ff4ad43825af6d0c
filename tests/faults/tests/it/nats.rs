//! A NATS server of the test's own, that it stops, starts and robs of its storage.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nexus_testkit::eventually;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub(crate) struct NatsServer {
    port: u16,
    url: String,
    storage: TempDir,
    child: Option<Child>,
    wiped: bool,
}

impl NatsServer {
    pub(crate) async fn start() -> Self {
        let port = free_port().await;
        let storage = tempfile::tempdir().expect("the system's temporary folder can be written");
        let mut server = Self { port, url: format!("nats://127.0.0.1:{port}"), storage, child: None, wiped: false };
        server.start_again().await;
        server
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Starts it, unless it runs, and waits until it answers.
    pub(crate) async fn start_again(&mut self) {
        if self.child.is_some() {
            return;
        }
        let child = Command::new(program())
            .args(["--jetstream", "--addr", "127.0.0.1", "--port", &self.port.to_string(), "--store_dir"])
            .arg(self.storage.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("nats-server starts; `make test` installs it");
        self.child = Some(child);
        eventually("the NATS server to answer", async || self.client().await.map(drop)).await;
    }

    /// SIGKILL, as a machine that loses power would.
    pub(crate) async fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("the server ran until now");
        }
    }

    /// Stops it and removes all that it stored.
    pub(crate) async fn wipe(&mut self) {
        self.stop().await;
        for entry in self.storage.path().read_dir().expect("the storage folder is there") {
            let path = entry.expect("the storage folder can be read").path();
            std::fs::remove_dir_all(&path).expect("the storage can be removed");
            self.wiped = true;
        }
    }

    /// Whether there was something to wipe.
    pub(crate) fn wiped(&self) -> bool {
        self.wiped
    }

    async fn client(&self) -> Option<async_nats::Client> {
        timeout(Duration::from_secs(1), async_nats::connect(&self.url)).await.ok()?.ok()
    }

    /// Whether the stream of events is there and took what was published.
    pub(crate) async fn has_stream(&self) -> bool {
        let Some(client) = self.client().await else { return false };
        let jetstream = async_nats::jetstream::new(client);
        match jetstream.get_stream("nexus-events").await {
            Ok(stream) => stream.cached_info().state.messages > 0,
            Err(_) => false,
        }
    }
}

async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// Debian installs it where only root's search path leads.
fn program() -> &'static Path {
    let system = Path::new("/usr/sbin/nats-server");
    if system.exists() { system } else { Path::new("nats-server") }
}
