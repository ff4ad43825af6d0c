//! NATS with JetStream.

use std::path::PathBuf;
use std::time::Duration;

use nexus_testkit::eventually;
use tokio::time::timeout;

use super::{Place, Server, free_port};
use crate::program::Program;

/// A NATS server of the suite's own.
#[derive(Debug)]
pub struct Nats {
    url: String,
    storage: PathBuf,
    server: Server,
}

impl Nats {
    /// Starts one.
    pub async fn start(place: &Place) -> Self {
        let port = free_port().await;
        let storage = place.folder.join("nats");
        std::fs::create_dir_all(&storage).expect("the suite's folder can be written");
        let program = Program::new("nats-server")
            .args(["--jetstream", "--addr", &place.address, "--port", &port.to_string(), "--store_dir"])
            .args([&storage])
            .within(place.namespace.as_deref());
        let server = Server::new(program, &place.folder.join("nats.log"), "KILL");
        let mut nats = Self { url: format!("nats://{}:{port}", place.address), storage, server };
        nats.start_again().await;
        nats
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts it, unless it runs, and waits until it answers.
    pub async fn start_again(&mut self) {
        self.server.start();
        eventually("the NATS server to answer", async || self.client().await.map(drop)).await;
    }

    /// SIGKILL, as a machine that loses power would.
    pub async fn stop(&mut self) {
        self.server.stop("KILL").await;
    }

    /// Removes all that it stored; it must be stopped.
    pub fn wipe(&mut self) {
        std::fs::remove_dir_all(&self.storage).expect("the storage can be removed");
        std::fs::create_dir_all(&self.storage).expect("the suite's folder can be written");
    }

    async fn client(&self) -> Option<async_nats::Client> {
        timeout(Duration::from_secs(1), async_nats::connect(&self.url)).await.ok()?.ok()
    }

    /// Whether the stream of events is there and took what was published.
    pub async fn has_stream(&self) -> bool {
        let Some(client) = self.client().await else { return false };
        match async_nats::jetstream::new(client).get_stream("nexus-events").await {
            Ok(stream) => stream.cached_info().state.messages > 0,
            Err(_) => false,
        }
    }
}
