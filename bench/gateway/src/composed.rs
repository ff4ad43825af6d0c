//! The gateway as `nexus run backend-api` composes it, in front of a service that is another program (`mesh.plain`).

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::{Json, Router, routing};
use nexus_kernel::cache::Cache;
use nexus_kernel::config::{Config, LoopbackUrl};
use nexus_kernel::discovery::InProcess;
use nexus_kernel::events::LocalCarrier;
use nexus_kernel::runtime::{Cloud, Environment};
use nexus_kernel::{Clock, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::token;

/// The gateway's own name, and that of the service which the upstream stands for: one whose every request needs a token.
const GATEWAY: &str = "backend-api";
const SERVICE: &str = "scheduler";
/// So much that the limit is counted and never reached.
const REQUESTS_PER_SECOND: f64 = 1e6;
const BURST: u32 = 1_000_000;

/// No console: the benchmark asks for the API alone.
struct Nothing;

impl backend_api::Assets for Nothing {
    fn get(&self, _: &str) -> Option<Cow<'static, [u8]>> {
        None
    }
}

/// Serves until it is asked to stop.
pub(crate) async fn run(listen: SocketAddr, upstream: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut config = Config { data: folder.path().to_owned(), listen, ..Config::default() };
    config.public_url = format!("http://{listen}");
    config.mesh.plain.insert(SERVICE.to_owned(), vec![LoopbackUrl::try_from(upstream.to_owned())?]);
    config.gateway.requests_per_second = REQUESTS_PER_SECOND;
    config.gateway.burst = BURST;
    let _telemetry = telemetry::install(&config.telemetry)?;
    let clock = Clock::system();
    let environment = Environment {
        config: Arc::new(config),
        clock: clock.clone(),
        carrier: Arc::new(LocalCarrier::new()),
        cache: Cache::embedded(clock),
        discovery: Arc::new(InProcess::new()),
    };
    let keys = Router::new().route("/.well-known/jwks.json", routing::get(|| async { Json(token::published()) }));
    environment.discovery.register("token-mgr", keys);
    let cloud = Cloud::start(&environment, vec![backend_api::service(Arc::new(Nothing))]).await?;
    let gateway = cloud.context_of(GATEWAY).context("the gateway was started")?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}"))?;
    let shutdown = CancellationToken::new();
    let listening = backend_api::Listening::open(listener, gateway)?;
    let server = tokio::spawn(backend_api::serve(listening, shutdown.clone()));
    signal(SignalKind::terminate())?.recv().await;
    shutdown.cancel();
    server.await?;
    cloud.shutdown().await;
    Ok(())
}
