//! Hostile clients, and that nobody else feels them.

use std::net::SocketAddr;

use futures::{SinkExt, StreamExt};
use nexus_kernel::Role;
use nexus_testkit::Person;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Listening, listen, started};

const ECHO: &[u8] = b"GET /api/content/echo HTTP/1.1\r\nhost: a\r\n\r\n";

/// A connection from another address than everybody else's.
async fn neighbour(gateway: &Listening) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
    socket.connect(gateway.address).await.unwrap()
}

/// Somebody else, on a connection from before and on new ones, is served as ever.
async fn others_are_served(gateway: &Listening, kept: &mut TcpStream) {
    for _ in 0..5 {
        let mut fresh = neighbour(gateway).await;
        for stream in [&mut *kept, &mut fresh] {
            stream.write_all(ECHO).await.unwrap();
            let mut reply = Vec::new();
            while !reply.ends_with(b"}") {
                assert!(stream.read_buf(&mut reply).await.unwrap() > 0, "{}", String::from_utf8_lossy(&reply));
            }
            assert!(reply.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&reply));
        }
    }
}

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET /api/content/slow`, as HPACK writes it without a table of its own (RFC 7541 appendix A).
fn fields() -> Vec<u8> {
    let path = b"/api/content/slow";
    [&[0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()], &path[..], &[0x01, 1, b'a']].concat()
}

async fn http2(gateway: &Listening) -> TcpStream {
    let mut stream = gateway.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream
}

/// Sends these until the gateway ends the connection; how many bytes it took.
async fn sent_until_ended(stream: TcpStream, mut next: impl FnMut() -> Vec<u8>, most: usize) -> usize {
    let (mut from, mut to) = stream.into_split();
    let ended = tokio::spawn(async move {
        let mut all = Vec::new();
        let _ = from.read_to_end(&mut all).await;
    });
    let mut sent = 0;
    while sent < most && !ended.is_finished() {
        let bytes = next();
        if to.write_all(&bytes).await.is_err() {
            break;
        }
        sent += bytes.len();
    }
    if sent < most {
        ended.await.unwrap();
    }
    sent
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_at_once_end_their_connection() {
    let kit = started(|config| config.gateway.burst = 100_000).await;
    let gateway = listen(&kit).await;
    let mut kept = neighbour(&gateway).await;
    let attacker = http2(&gateway).await;
    let mut stream = 1;
    let resets = || {
        let mut bytes = Vec::new();
        for _ in 0..50 {
            bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields()));
            bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            stream += 2;
        }
        bytes
    };
    let attack = sent_until_ended(attacker, resets, 64 << 20);
    let (sent, ()) = tokio::join!(attack, others_are_served(&gateway, &mut kept));
    assert!(sent < 64 << 20, "it went on");
    others_are_served(&gateway, &mut kept).await;
}

#[tokio::test]
async fn heads_that_never_end_end_their_connection() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    let mut kept = neighbour(&gateway).await;
    let mut attacker = http2(&gateway).await;
    attacker.write_all(&frame(HEADERS, END_STREAM, 1, &fields())).await.unwrap();
    let field = [&[0x00, 1, b'x', 100][..], &[b'a'; 100]].concat();
    let more = frame(CONTINUATION, 0, 1, &field.repeat(100));
    let attack = sent_until_ended(attacker, || more.clone(), 64 << 20);
    let (sent, ()) = tokio::join!(attack, others_are_served(&gateway, &mut kept));
    assert!(sent < 64 << 20, "it went on");

    // The same with empty frames, which no limit on bytes would see.
    let mut attacker = http2(&gateway).await;
    attacker.write_all(&frame(HEADERS, END_STREAM, 1, &fields())).await.unwrap();
    let empty = frame(CONTINUATION, 0, 1, &[]).repeat(100);
    let attack = sent_until_ended(attacker, || empty.clone(), 64 << 20);
    let (sent, ()) = tokio::join!(attack, others_are_served(&gateway, &mut kept));
    assert!(sent < 64 << 20, "it went on");
}

#[tokio::test]
async fn floods_of_header_fields_end_their_connection() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    let mut kept = neighbour(&gateway).await;
    for line in ["x-a: b\r\n".to_owned(), format!("x-{}: b\r\n", "a".repeat(10_000)), "a".repeat(10_000)] {
        let mut attacker = gateway.connect().await;
        attacker.write_all(b"GET /api/content/echo HTTP/1.1\r\nhost: a\r\n").await.unwrap();
        let attack = sent_until_ended(attacker, || line.clone().into_bytes(), 16 << 20);
        let (sent, ()) = tokio::join!(attack, others_are_served(&gateway, &mut kept));
        assert!(sent < 16 << 20, "it went on");
    }
}

#[tokio::test]
async fn heads_and_bodies_that_come_byte_by_byte_keep_nobody_waiting() {
    // So few at once that the slow ones would fill it, were they counted.
    let kit = started(|config| config.gateway.max_in_flight = 4).await;
    let gateway = listen(&kit).await;
    let mut kept = neighbour(&gateway).await;
    let body =
        b"POST /api/content/json HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n";
    let mut slow = Vec::new();
    for index in 0..200 {
        let mut stream = gateway.connect().await;
        stream.write_all(if index % 2 == 0 { b"GET /api/con" } else { body }).await.unwrap();
        slow.push(stream);
    }
    for byte in [b"t", b"e", b"n"] {
        for stream in &mut slow {
            stream.write_all(byte).await.unwrap();
        }
        others_are_served(&gateway, &mut kept).await;
    }
}

#[tokio::test]
async fn bodies_without_an_end_or_of_any_length_are_cut_off() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    let mut kept = neighbour(&gateway).await;
    let head = "POST /api/content/json HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    let reply = gateway.exchange(format!("{head}content-length: 99999999999\r\n\r\n").as_bytes()).await;
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
    let mut attacker = gateway.connect().await;
    attacker.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    let piece = format!("4000\r\n{}\r\n", "1".repeat(0x4000)).into_bytes();
    let attack = sent_until_ended(attacker, || piece.clone(), 256 << 20);
    let (sent, ()) = tokio::join!(attack, others_are_served(&gateway, &mut kept));
    assert!(sent < 256 << 20, "it went on");
}

#[tokio::test]
async fn floods_of_websockets_and_of_their_messages_are_felt_by_nobody_else() {
    let kit = started(|config| config.gateway.max_in_flight = 4).await;
    let gateway = listen(&kit).await;
    let mut kept = neighbour(&gateway).await;
    let url = format!("ws://{}/api/content/socket", gateway.address);
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(tokio_tungstenite::connect_async(&url).await.unwrap().0);
    }
    let flood = async {
        for socket in &mut sockets {
            for _ in 0..20 {
                socket.feed(Message::binary(vec![0; 4_096])).await.unwrap();
            }
            socket.flush().await.unwrap();
        }
    };
    let ((), ()) = tokio::join!(flood, others_are_served(&gateway, &mut kept));
    // They still work, at the pace at which they read.
    assert_eq!(sockets[99].next().await.unwrap().unwrap().len(), 4_096);
}

#[tokio::test]
async fn one_address_with_all_its_connections_leaves_those_of_others() {
    let kit = started(|_| {}).await;
    let gateway = listen(&kit).await;
    let mut kept = neighbour(&gateway).await;
    let mut held = Vec::new();
    for _ in 0..1_024 {
        held.push(gateway.connect().await);
    }
    let mut one_more = gateway.connect().await;
    let mut reply = Vec::new();
    let ended = one_more.read_to_end(&mut reply).await;
    assert!(reply.is_empty() && ended.map_or(true, |read| read == 0));
    others_are_served(&gateway, &mut kept).await;
    assert_eq!(held.len(), 1_024);
}

#[tokio::test]
async fn whoever_asks_too_much_is_refused_and_others_are_not() {
    let kit = started(|config| {
        config.gateway.burst = 50;
        config.gateway.requests_per_second = 1.0;
    })
    .await;
    let gateway = listen(&kit).await;
    let mut kept = neighbour(&gateway).await;
    let token = kit.token(&Person::new(Role::Member));
    let ask = format!("GET /api/scheduler/tasks HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n");
    let last = "GET /health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let asked = ask.repeat(200) + last;
    let flood = gateway.exchange(asked.as_bytes());
    let (replies, ()) = tokio::join!(flood, others_are_served(&gateway, &mut kept));
    assert_eq!((replies.matches("HTTP/1.1 200").count(), replies.matches("HTTP/1.1 429").count()), (51, 150));
}
