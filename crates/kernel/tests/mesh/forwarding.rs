//! Requests that pass through, as the gateway makes them.

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nexus_kernel::mesh::{CALLER, Target};
use nexus_kernel::{Caller, Problem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::over_both_transports;
use crate::world::{Counter, World};

over_both_transports!(
    bodies_stream_both_ways_without_being_gathered,
    every_status_passes,
    what_belongs_to_one_hop_ends_there_and_nobody_can_forge_a_caller,
    a_web_socket_passes_through,
    a_request_whose_body_was_sent_is_not_repeated,
);

async fn bodies_stream_both_ways_without_being_gathered(world: World) {
    let echo = any(async |request: Request| request.into_body());
    let world = world.with(Router::new().fallback(echo)).await;
    let (mut parts, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let request = http::Request::post("/echo").body(Body::from_stream(body)).unwrap();
    let response = world.callee().forward(request).await.unwrap();
    let mut answer = response.into_body().into_data_stream();
    // Each part is sent only when the one before has come back: nobody on the way can wait for the whole.
    for number in 0..20_usize {
        let part = Bytes::from(vec![b'a'; 1 + number * 1_000]);
        let length = part.len();
        parts.try_send(Ok(part)).unwrap();
        let mut came = 0;
        while came < length {
            came += answer.next().await.unwrap().unwrap().len();
        }
        assert_eq!(came, length);
    }
    drop(parts);
    // HTTP/2 may end a body with an empty frame.
    while let Some(rest) = answer.next().await {
        assert!(rest.unwrap().is_empty());
    }
}

async fn every_status_passes(world: World) {
    let status = any(async |request: Request| {
        let status: u16 = request.uri().path().trim_start_matches('/').parse().unwrap();
        (StatusCode::from_u16(status).unwrap(), [("x-kept", "yes")])
    });
    let world = world.with(Router::new().fallback(status)).await;
    for status in [200, 204, 206, 302, 304, 401, 404, 418, 500, 503] {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let request =
                http::Request::builder().method(method).uri(format!("/{status}")).body(Body::empty()).unwrap();
            let response = world.callee().forward(request).await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["x-kept"], "yes");
        }
    }
}

async fn what_belongs_to_one_hop_ends_there_and_nobody_can_forge_a_caller(world: World) {
    let seen = any(async |caller: Caller, headers: HeaderMap| {
        let absent =
            [CALLER, header::CONNECTION, header::TE, header::EXPECT].iter().all(|name| !headers.contains_key(name));
        let host = headers["x-forwarded-host"].to_str().unwrap().to_owned();
        let private = headers.contains_key("x-private");
        ([("connection", "x-hop"), ("x-hop", "1")], format!("{} {absent} {private} {host}", caller.0))
    });
    let world = world.with(Router::new().fallback(seen)).await;
    let request = http::Request::get("http://cloud.example.org/")
        .header(header::HOST, "cloud.example.org")
        .header(header::CONNECTION, "keep-alive, x-private")
        .header("x-private", "1")
        .header(header::TE, "trailers")
        .header(CALLER, "v1.user-auth.9999999999.forged");
    let response = world.callee().forward(request.body(Body::empty()).unwrap()).await.unwrap();
    assert!(!response.headers().contains_key(header::CONNECTION));
    assert!(!response.headers().contains_key("x-hop"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "caller true false cloud.example.org");
}

async fn gateway(State(target): State<Target>, request: Request) -> Response {
    match target.forward(request).await {
        Ok(response) => response,
        Err(error) => Problem::from(error).into_response(),
    }
}

async fn a_web_socket_passes_through(world: World) {
    let echo = any(async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| {
            while let Some(Ok(message)) = socket.recv().await {
                if let Message::Text(text) = message {
                    socket.send(Message::Text(format!("you said {}", text.as_str()).into())).await.unwrap();
                }
            }
        })
    });
    let world = world.with(Router::new().route("/socket", echo)).await;
    let front = Router::new().fallback(any(gateway)).with_state(world.callee());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let front = tokio::spawn(async move { axum::serve(listener, front).await });

    let request = http::Request::get(format!("{url}/socket"))
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Body::empty())
        .unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut response = client.request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    // The key and its answer are RFC 6455's own example.
    assert_eq!(response.headers()[header::SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let mut socket = TokioIo::new(hyper::upgrade::on(&mut response).await.unwrap());
    for _ in 0..3 {
        // A text frame, masked with zeros, as a client's must be (RFC 6455 section 5.2).
        socket.write_all(b"\x81\x85\0\0\0\0hello").await.unwrap();
        let mut frame = [0; 16];
        socket.read_exact(&mut frame).await.unwrap();
        assert_eq!(&frame, b"\x81\x0eyou said hello");
    }
    front.abort();
}

async fn a_request_whose_body_was_sent_is_not_repeated(world: World) {
    let calls = Counter::default();
    let seen = calls.clone();
    let unavailable = any(async move || {
        seen.up();
        StatusCode::SERVICE_UNAVAILABLE
    });
    let world = world.with(Router::new().fallback(unavailable)).await;
    let request = http::Request::put("/").body(Body::from("once")).unwrap();
    assert_eq!(world.callee().forward(request).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(calls.get(), 1);
}
