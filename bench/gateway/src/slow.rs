//! A service that can do so many requests at once, and takes a fixed time for each: what it can carry is known exactly.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Serves until the process is stopped.
pub(crate) async fn run(listen: SocketAddr, workers: usize, milliseconds: u64) -> anyhow::Result<()> {
    let places = Arc::new(Semaphore::new(workers));
    let work = move || {
        let places = Arc::clone(&places);
        async move {
            // Whoever finds no place waits for one, as in any server that has no limit of its own.
            let _place = places.acquire_owned().await;
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            "done\n"
        }
    };
    let listener = TcpListener::bind(listen).await?;
    axum::serve(listener, Router::new().route("/api/scheduler/tasks", get(work))).await?;
    Ok(())
}
