//! A service that is another program on the gateway's machine.

use axum::Router;
use axum::routing::any;
use futures::{SinkExt, StreamExt};
use nexus_kernel::Role;
use nexus_kernel::config::{Config, LoopbackUrl};
use nexus_testkit::{Backend, Person, Testkit, eventually};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{echo, gateway, listen, partial, socket};

/// A program that knows nothing of us; with it end all of its connections.
struct Program(Option<Runtime>);

impl Program {
    fn start() -> (Self, LoopbackUrl) {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = LoopbackUrl::try_from(format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let router = Router::new()
            .route("/api/scheduler/tasks", any(echo))
            .route("/api/scheduler/length", any(|body: String| async move { body.len().to_string() }))
            .route("/api/scheduler/socket", any(socket));
        runtime.spawn(async move {
            axum::serve(TcpListener::from_std(listener).unwrap(), router).await.unwrap();
        });
        (Self(Some(runtime)), url)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The program and the gateway before it.
async fn started() -> (Testkit, Program) {
    let (program, url) = Program::start();
    let with = |config: &mut Config| {
        config.mesh.plain.insert("scheduler".to_owned(), vec![url]);
    };
    (Testkit::start_with(Backend::Sqlite, vec![gateway(), partial()], with).await, program)
}

#[tokio::test]
async fn it_gets_requests_as_any_service_does_and_learns_nothing_of_the_mesh() {
    let (kit, _program) = started().await;
    let token = kit.token(&Person::new(Role::Member));
    assert_eq!(kit.get("/api/scheduler/tasks").send().await.status, 401);
    let reply = kit
        .get("/api/scheduler/tasks?page=2")
        .bearer(&token)
        .header("x-request-id", "r-7")
        .header("x-nexus-caller", "scheduler")
        .from_address([203, 0, 113, 9])
        .send()
        .await
        .expect(200);
    let seen = reply.value();
    assert_eq!(seen["uri"], "/api/scheduler/tasks?page=2");
    let headers = &seen["headers"];
    assert_eq!((&headers["x-request-id"], &headers["x-forwarded-for"]), (&json!("r-7"), &json!("203.0.113.9")));
    assert_eq!(headers["authorization"], format!("Bearer {token}"));
    assert_eq!(headers["x-nexus-caller"], json!(null));
    assert_eq!(reply.header("x-frame-options"), "DENY");
}

#[tokio::test]
async fn it_gets_bodies_and_websockets() {
    let (kit, _program) = started().await;
    let token = kit.token(&Person::new(Role::Member));
    for length in [0, 1, 900_000] {
        let sent = kit.post("/api/scheduler/length").bearer(&token).bytes("x".repeat(length)).send().await.expect(200);
        assert_eq!(sent.text(), length.to_string());
    }
    let gateway = listen(&kit).await;
    let mut request = format!("ws://{}/api/scheduler/socket", gateway.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
}

#[tokio::test]
async fn when_it_is_gone_its_clients_are_told_and_others_served() {
    let (kit, program) = started().await;
    let token = kit.token(&Person::new(Role::Member));
    let _ = kit.get("/api/scheduler/tasks").bearer(&token).send().await.expect(200);
    drop(program);
    eventually("its connections to be gone", async || {
        let reply = kit.get("/api/scheduler/tasks").bearer(&token).send().await;
        (reply.status == 502 && reply.code() == "bad-gateway").then_some(())
    })
    .await;
    let _ = kit.get("/api/content/echo").send().await.expect(200);
}
