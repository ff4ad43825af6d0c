//! Real connections: both versions of HTTP, upgrades, slow and large clients, the end.

use axum::body::Body;
use futures::{SinkExt, StreamExt};
use http::{Request, StatusCode, Version};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use nexus_kernel::Role;
use nexus_testkit::{Person, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Listening, listen, started};

#[tokio::test]
async fn both_versions_of_http_are_spoken_on_one_port() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    for (http2, version) in [(false, Version::HTTP_11), (true, Version::HTTP_2)] {
        let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        let uri = format!("http://{}/api/content/echo?a=1", gateway.address);
        let reply = client.request(Request::get(uri).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!((reply.status(), reply.version()), (StatusCode::OK, version));
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        let seen: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&seen["uri"], &seen["headers"]["x-forwarded-for"]),
            (&"/api/content/echo?a=1".into(), &"127.0.0.1".into())
        );
    }
}

#[tokio::test]
async fn a_websocket_passes_through() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    let url = format!("ws://{}/api/content/socket", gateway.address);
    let (mut socket, reply) = tokio_tungstenite::connect_async(url).await.unwrap();
    assert_eq!(reply.status(), 101);
    for text in ["hello", "again"] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
    }
    socket.close(None).await.unwrap();
}

#[tokio::test]
async fn a_stream_is_passed_on_as_it_comes() {
    let kit = started(|config| config.gateway.timeout_seconds = 1).await;
    let gateway = listen(&kit).await;
    let mut stream = gateway.connect().await;
    stream.write_all(b"GET /api/content/stream HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut seen = String::new();
    while !seen.contains("first") {
        let mut piece = [0; 1_024];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the reply ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let kit = started(|config| config.gateway.timeout_seconds = 1).await;
    let gateway = listen(&kit).await;
    let head = "POST /api/content/json HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\":";
    let reply = gateway.exchange(head.as_bytes()).await;
    assert!(reply.starts_with("HTTP/1.1 408") && reply.contains("request-timeout"), "{reply}");
}

#[tokio::test]
async fn an_upload_that_stops_moving_is_given_up() {
    let kit = started(|config| config.gateway.timeout_seconds = 1).await;
    let gateway = listen(&kit).await;
    let token = kit.token(&Person::new(Role::Member));
    let head = format!(
        "PATCH /api/dsp/upload/files/1 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
         content-type: application/offset+octet-stream\r\ncontent-length: 1000000\r\n\r\nabc"
    );
    let reply = gateway.exchange(head.as_bytes()).await;
    assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_at_the_limit() {
    let kit = started(|config| config.gateway.body_limit = 1_000).await;
    let gateway = listen(&kit).await;
    let piece = format!("400\r\n{}\r\n", "x".repeat(0x400));
    let head = "POST /api/content/json HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\
                connection: close\r\n\r\n";
    let reply = gateway.exchange(format!("{head}{piece}{piece}0\r\n\r\n").as_bytes()).await;
    assert!(reply.starts_with("HTTP/1.1 413") && reply.contains("body-too-large"), "{reply}");
}

#[tokio::test]
async fn heads_that_are_too_large_end_the_connection() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    let line = "x-much: ".to_owned() + &"a".repeat(100_000);
    let many = "x-one-more: 1\r\n".repeat(200);
    for fields in [format!("{line}\r\n"), many] {
        let reply = gateway.exchange(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n").as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 431"), "{reply}");
    }
}

#[tokio::test]
async fn hostile_bytes_get_a_400_or_nothing_and_the_next_client_is_served() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no TLS here, sorry"[..],
        b"GET /internal/secret HTTP/1.1\r\nhost: a\r\nx-nexus-caller: v1.scheduler.9.AAAA\r\nconnection: close\r\n\r\n",
        b"GET http://elsewhere/internal/secret HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        b"GET /api/content/echo HTTP/1.1\r\nhost: a\r\nbad header: 1\r\nconnection: close\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    ] {
        let reply = gateway.exchange(bytes).await;
        let shown = String::from_utf8_lossy(bytes);
        assert!(!reply.contains("services only"), "{shown}: {reply}");
        assert!(
            reply.is_empty() || reply.starts_with("HTTP/1.1 4") || reply.starts_with("HTTP/1.0 4"),
            "{shown}: {reply}"
        );
    }
    let reply = gateway.exchange(b"GET /api/content/echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

#[tokio::test]
async fn a_request_hidden_in_another_is_a_request_like_any_other() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    let hidden = "GET /internal/secret HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let head = "POST /api/content/json HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    for lengths in [
        format!("content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n2\r\n42\r\n0\r\n\r\n", 12 + hidden.len()),
        "content-length: 2\r\ncontent-length: 60\r\n\r\n42".to_owned(),
        "transfer-encoding: chunked, identity\r\n\r\n2\r\n42\r\n0\r\n\r\n".to_owned(),
    ] {
        let reply = gateway.exchange(format!("{head}{lengths}{hidden}").as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 ") && !reply.contains("services only"), "{lengths}: {reply}");
    }
}

#[tokio::test]
async fn a_reply_without_a_body_says_no_length() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    let head = "GET /api/content/versioned HTTP/1.1\r\nhost: a\r\nif-none-match: \"7\"\r\nconnection: close\r\n\r\n";
    let reply = gateway.exchange(head.as_bytes()).await;
    assert!(reply.starts_with("HTTP/1.1 304") && !reply.contains("content-length"), "{reply}");
}

#[tokio::test]
async fn a_deadline_of_the_client_is_not_believed() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    let head = "GET /api/content/echo HTTP/1.1\r\nhost: a\r\nx-nexus-deadline-ms: 0\r\nconnection: close\r\n\r\n";
    let reply = gateway.exchange(head.as_bytes()).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

#[tokio::test]
async fn shutdown_lets_running_requests_end_and_takes_no_new_ones() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    let mut running = gateway.connect().await;
    let head = "POST /api/content/json HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
                expect: 100-continue\r\n\r\n";
    running.write_all(head.as_bytes()).await.unwrap();
    // The service waits for the body now.
    let mut go_on = [0; 25];
    running.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    gateway.shutdown.cancel();
    running.write_all(b"42").await.unwrap();
    let mut reply = String::new();
    running.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200") && reply.ends_with("42"), "{reply}");
    gateway.server.await.unwrap();
    assert!(TcpStream::connect(gateway.address).await.is_err());
}

/// A connection from this address of the machine, once it was answered; `None` when it is closed without a word.
async fn answered(gateway: &Listening, from: [u8; 4]) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(gateway.address).await.unwrap();
    // It may be closed already.
    let _ = stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.ok()?;
    assert_eq!(&first, b"HTTP/1.1 200");
    Some(stream)
}

#[tokio::test]
async fn beyond_the_most_connections_nobody_comes_in_until_somebody_leaves() {
    let kit = started(|config| {
        config.gateway.connections = 6;
        config.gateway.connections_per_address = 4;
    })
    .await;
    let gateway = listen(&kit).await;
    let (one, two, three) = ([127, 0, 0, 1], [127, 0, 0, 2], [127, 0, 0, 3]);
    let mut inside = Vec::new();
    for from in [one, one, one, one, two, two] {
        if from == two && inside.len() == 4 {
            assert!(answered(&gateway, one).await.is_none(), "one address has all of its own");
        }
        inside.push(answered(&gateway, from).await.expect("there is a place"));
    }
    for _ in 0..20 {
        assert!(answered(&gateway, three).await.is_none(), "all are taken");
    }
    inside.pop();
    inside.push(eventually("the place to be free", async || answered(&gateway, three).await).await);
    assert!(answered(&gateway, two).await.is_none(), "and taken again");
}
