//! More requests than a service can do.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use nexus_kernel::{Context, Role, Service};
use nexus_testkit::{Backend, Person, Testkit, eventually};
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;

use crate::support::{gateway, partial, started};

/// A service whose every request waits until the test lets it go.
fn held(gate: &Arc<Semaphore>) -> Service {
    let gate = Arc::clone(gate);
    let wait = move |State(_): State<Context>| async move {
        gate.acquire().await.unwrap().forget();
        "done"
    };
    Service::new("scheduler").routes(OpenApiRouter::<Context>::new().route("/api/scheduler/tasks", get(wait)))
}

#[tokio::test]
async fn beyond_the_bound_requests_are_turned_away_before_their_token_is_looked_at() {
    let gate = Arc::new(Semaphore::new(0));
    let services = vec![gateway(), held(&gate), partial()];
    let kit = Testkit::start_with(Backend::Sqlite, services, |config| config.gateway.max_in_flight = 5).await;
    let kit = Arc::new(kit);
    let token = kit.token(&Person::new(Role::Owner));
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let (kit, token) = (Arc::clone(&kit), token.clone());
            tokio::spawn(async move { kit.get("/api/scheduler/tasks").bearer(token).send().await })
        })
        .collect();
    let reply = eventually("all places to be taken", async || {
        let reply = kit.get("/api/scheduler/tasks").bearer("no token at all").send().await;
        (reply.status == 503).then_some(reply)
    })
    .await;
    assert_eq!(reply.code(), "overloaded");
    assert!((1..=4).contains(&reply.header("retry-after").parse::<u64>().unwrap()));
    // The bound is of all services together; what the operator needs is not behind it.
    assert_eq!(kit.get("/api/content/echo").send().await.status, 503);
    for path in ["/health", "/health/live", "/health/ready", "/openapi.json"] {
        let _ = kit.get(path).send().await.expect(200);
    }
    let _ = kit.get("/api/system/services").bearer(&token).send().await.expect(200);

    gate.add_permits(5);
    for reply in waiting {
        let _ = reply.await.unwrap().expect(200);
    }
    let _ = kit.get("/api/content/echo").send().await.expect(200);
}

#[tokio::test]
async fn long_streams_and_bodies_that_are_still_sent_take_nobodys_place() {
    let kit = started(|config| {
        config.gateway.max_in_flight = 2;
        config.gateway.timeout_seconds = 60;
    })
    .await;
    let gateway = crate::support::listen(&kit).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        let (mut streaming, mut sending) = (gateway.connect().await, gateway.connect().await);
        let stream = b"GET /api/content/stream HTTP/1.1\r\nhost: a\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut streaming, stream).await.unwrap();
        let mut first = [0; 12];
        tokio::io::AsyncReadExt::read_exact(&mut streaming, &mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        let body = b"POST /api/content/json HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n1";
        tokio::io::AsyncWriteExt::write_all(&mut sending, body).await.unwrap();
        held.push((streaming, sending));
    }
    for _ in 0..5 {
        let reply = gateway.exchange(b"GET /api/content/echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }
    assert_eq!(held.len(), 5);
    drop(held);
    tokio::time::timeout(Duration::from_secs(30), async {
        gateway.shutdown.cancel();
        gateway.server.await.unwrap();
    })
    .await
    .unwrap();
}
