//! Redis.

use nexus_testkit::eventually;

use super::{Place, Server, free_port};
use crate::program::Program;

/// A Redis server of the suite's own.
#[derive(Debug)]
pub struct Redis {
    address: String,
    port: u16,
    server: Server,
}

impl Redis {
    /// Starts one.
    pub async fn start(place: &Place) -> Self {
        let port = free_port().await;
        let program = Program::new("redis-server")
            .args(["--bind", &place.address, "--port", &port.to_string(), "--protected-mode", "no"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .args([&place.folder])
            .within(place.namespace.as_deref());
        let server = Server::new(program, &place.folder.join("redis.log"), "KILL");
        let mut redis = Self { address: place.address.clone(), port, server };
        redis.start_again().await;
        redis
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://{}:{}", self.address, self.port)
    }

    /// Starts it, unless it runs, and waits until it answers.
    pub async fn start_again(&mut self) {
        self.server.start();
        eventually("Redis to answer", async || (self.ask("PING").await == "PONG").then_some(())).await;
    }

    /// SIGKILL; nothing of what it held is left.
    pub async fn stop(&mut self) {
        self.server.stop("KILL").await;
    }

    /// Makes it forget everything.
    pub async fn flush(&self) {
        assert_eq!(self.ask("FLUSHALL").await, "OK");
    }

    async fn ask(&self, command: &str) -> String {
        let program = Program::new("redis-cli").args(["-h", &self.address, "-p", &self.port.to_string(), command]);
        String::from_utf8_lossy(&program.output().await.stdout).trim().to_owned()
    }
}
