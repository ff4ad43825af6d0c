//! Who may speak to a service from another process, and as whom.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::StatusCode;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nexus_kernel::config::MeshConfig;
use nexus_kernel::discovery::Instance;
use nexus_kernel::mesh::tls::{Identity, TlsError};
use nexus_kernel::mesh::{CALLER, Mesh, MeshError};
use nexus_kernel::{Caller, Clock, Timestamp};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::{Authority, Issued, write_pem};
use crate::world::{Counter, World, config};

/// Says who asks.
fn who(calls: &Counter) -> Router {
    let seen = calls.clone();
    Router::new().route(
        "/",
        get(async move |caller: Option<Caller>| {
            seen.up();
            caller.map_or("nobody".to_owned(), |caller| caller.0)
        }),
    )
}

async fn ask(mesh: &Mesh) -> Result<String, MeshError> {
    let reply = mesh.to("callee").get("/").send().await?;
    Ok(String::from_utf8(reply.bytes().await?.to_vec()).unwrap())
}

fn is_unreachable(asked: &Result<String, MeshError>) -> bool {
    matches!(asked, Err(MeshError::Transport { .. }))
}

/// A connection of others' making.
async fn connect(instance: &Instance, client: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(instance.id().trim_start_matches("https://")).await?;
    let name = ServerName::try_from("callee.nexus.internal").unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, tcp).await
}

/// One request over it as it stands; nothing when the other side hung up.
async fn say(mut connection: TlsStream<TcpStream>, head: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nhost: callee\r\nconnection: close\r\n{head}\r\n");
    let mut reply = Vec::new();
    let _ = connection.write_all(request.as_bytes()).await;
    let _ = connection.read_to_end(&mut reply).await;
    String::from_utf8(reply).unwrap()
}

#[tokio::test]
async fn a_caller_is_known_by_its_certificate_whatever_it_says() {
    let authority = Authority::new();
    let mut world = World::over_http();
    let callee = authority.write("callee", &authority.issue("callee", world.clock.now()));
    let instance = world.add_as(who(&Counter::default()), &callee).await;
    let stranger = authority.issue("stranger", world.clock.now());
    for (head, known) in [
        ("x-nexus-caller: stranger\r\n", "stranger"),
        ("x-nexus-caller: user-auth\r\n", "nobody"),
        ("x-nexus-caller: stranger, user-auth\r\n", "nobody"),
        ("x-nexus-caller: spiffe://nexus/user-auth\r\n", "nobody"),
        ("", "nobody"),
    ] {
        let connection = connect(&instance, authority.client(Some(&stranger), "http/1.1")).await.unwrap();
        let reply = say(connection, head).await;
        assert!(reply.starts_with("HTTP/1.1 200") && reply.ends_with(known), "{head}: {reply}");
    }
    // The mesh writes the header last, whatever a handler put there.
    let world = World::over_http().with(who(&Counter::default())).await;
    let reply = world.callee().get("/").header(CALLER, "user-auth").send().await.unwrap();
    assert_eq!(reply.bytes().await.unwrap(), "caller");
}

#[tokio::test]
async fn without_a_certificate_of_the_authority_there_is_no_connection() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let mut world = World::over_http();
    let now = world.clock.now();
    let callee = authority.write("callee", &authority.issue("callee", now));
    let calls = Counter::default();
    let instance = world.add_as(who(&calls), &callee).await;
    let hour = Duration::from_hours(1);
    let expired = authority.issue_between("caller", now.minus(2 * hour), now.minus(hour));
    let early = authority.issue_between("caller", now.plus(hour), now.plus(2 * hour));
    let other = foreign.issue("caller", now);
    for (name, issued) in
        [("none", None), ("foreign", Some(&other)), ("expired", Some(&expired)), ("not yet", Some(&early))]
    {
        for protocol in ["h2", "http/1.1"] {
            // In TLS 1.3 a client learns that it was turned away only after it has spoken.
            let reply = match connect(&instance, authority.client(issued, protocol)).await {
                Ok(connection) => say(connection, "x-nexus-caller: caller\r\n").await,
                Err(_) => String::new(),
            };
            assert_eq!(reply, "", "{name} {protocol}");
        }
    }
    let mut plain = TcpStream::connect(instance.id().trim_start_matches("https://")).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: callee\r\n\r\n").await.unwrap();
    let mut reply = Vec::new();
    let _ = plain.read_to_end(&mut reply).await;
    assert!(!reply.starts_with(b"HTTP"), "{reply:?}");
    assert_eq!(calls.get(), 0);
    let good = authority.issue("caller", now);
    let connection = connect(&instance, authority.client(Some(&good), "http/1.1")).await.unwrap();
    assert!(say(connection, "x-nexus-caller: caller\r\n").await.ends_with("caller"));
}

#[tokio::test]
async fn processes_of_different_secrets_do_not_speak_to_each_other() {
    let calls = Counter::default();
    let mut world = World::over_http();
    let other = MeshConfig { secret: "another secret, though long enough".into(), ..config() };
    let instance = world.add_as(who(&calls), &other).await;
    assert!(is_unreachable(&ask(&world.mesh).await));
    world.remove(&instance);
    world.add(who(&calls)).await;
    assert!(is_unreachable(&ask(&world.mesh_as("caller", &other)).await));
    let alone = world.mesh_as("caller", &MeshConfig { secret: "".into(), ..config() });
    assert!(is_unreachable(&ask(&alone).await));
    assert_eq!(calls.get(), 0);
    assert_eq!(ask(&world.mesh).await.unwrap(), "caller");
}

#[tokio::test]
async fn who_listens_at_a_services_address_must_be_that_service() {
    let calls = Counter::default();
    let mut world = World::over_http();
    let url = world.listen_as("other", who(&calls), &config()).await;
    world.insert(Instance::http(&url).unwrap());
    assert!(is_unreachable(&ask(&world.mesh).await));
    assert_eq!(calls.get(), 0);
}

/// The certificate that a server shows now.
async fn shown(instance: &Instance, client: ClientConfig) -> Vec<u8> {
    let connection = connect(instance, client).await.unwrap();
    connection.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn certificates_change_many_times_under_load_and_no_call_fails() {
    let short = MeshConfig { certificate_minutes: 1, ..config() };
    let mut world = World::over_http_with(&short);
    let calls = Counter::default();
    let instance = world.add_as(who(&calls), &short).await;
    let mesh = world.mesh.clone();
    let load = tokio::spawn(async move {
        for _ in 0..600 {
            assert_eq!(ask(&mesh).await.unwrap(), "caller");
        }
    });
    let mut seen = HashSet::new();
    for _ in 0..20 {
        world.clock.advance(Duration::from_secs(20));
        // A mesh of its own makes a connection of its own, with the certificates of the moment.
        assert_eq!(ask(&world.mesh_as("newcomer", &short)).await.unwrap(), "newcomer");
        seen.insert(world.shown_by(&instance).await);
    }
    load.await.unwrap();
    assert!(seen.len() >= 10, "a life of a minute, renewed at half of it, over 400 seconds: {}", seen.len());
    assert_eq!(calls.get(), 620);
}

#[tokio::test]
async fn clocks_may_differ_by_half_of_a_certificates_life_and_not_by_more_than_all_of_it() {
    for (minutes, speaks) in [(0, true), (29, true), (-29, true), (61, false), (-61, false)] {
        let mut world = World::over_http();
        world.add(who(&Counter::default())).await;
        let elsewhere = Clock::manual(Timestamp::from_micros(world.clock.now().as_micros() + minutes * 60_000_000));
        let hour = MeshConfig { certificate_minutes: 60, ..config() };
        let asked = ask(&world.mesh_at("caller", &hour, elsewhere)).await;
        assert_eq!(asked.is_ok(), speaks, "{minutes} minutes: {asked:?}");
    }
}

#[tokio::test]
async fn certificates_in_files_are_read_again_when_they_change() {
    let authority = Authority::new();
    let mut world = World::over_http();
    let now = world.clock.now();
    let first = authority.issue("callee", now);
    let callee = authority.write("callee", &first);
    let instance = world.add_as(who(&Counter::default()), &callee).await;
    let visitor = authority.issue("visitor", now);
    let show = async || shown(&instance, authority.client(Some(&visitor), "h2")).await;
    assert_eq!(show().await, first.certificate.to_vec());

    let second = authority.issue_between("callee", now, now.plus(Duration::from_hours(2)));
    write_pem(&callee.tls.certificate, "CERTIFICATE", &second.certificate);
    assert_eq!(show().await, first.certificate.to_vec(), "half of a change is none");
    authority.write("callee", &second);
    assert_eq!(show().await, second.certificate.to_vec());
    std::fs::remove_file(&callee.tls.key).unwrap();
    assert_eq!(show().await, second.certificate.to_vec(), "files that are gone change nothing");
}

#[tokio::test]
async fn files_that_cannot_serve_are_refused_with_their_reason() {
    let authority = Authority::new();
    let now = Timestamp::from_micros(1_700_000_000_000_000);
    let good = authority.write("good", &authority.issue("callee", now));
    let open = |service: &str, change: &dyn Fn(&mut MeshConfig)| {
        let mut config = good.clone();
        change(&mut config);
        Identity::configured(service, &config, Clock::manual(now)).map(|identity| identity.is_some())
    };
    assert!(open("callee", &|_| {}).unwrap());
    let message = open("other", &|_| {}).unwrap_err().to_string();
    assert!(message.contains("spiffe://nexus/other") && message.contains("other.nexus.internal"), "{message}");
    assert!(matches!(open("callee", &|config| config.tls.key = "".into()), Err(TlsError::Incomplete)));
    let message = open("callee", &|config| config.tls.ca = "/no/such/file".into()).unwrap_err().to_string();
    assert!(message.contains("/no/such/file"), "{message}");
    let Issued { key, .. } = authority.issue("callee", now);
    write_pem(&good.tls.key, "PRIVATE KEY", &key.serialize_der());
    assert!(open("callee", &|_| {}).is_err(), "a key of another certificate");
}

#[tokio::test]
async fn a_connection_ends_after_a_request_when_it_is_as_old_as_a_certificate_may_be() {
    let authority = Authority::new();
    let mut world = World::over_http();
    let mut callee = authority.write("callee", &authority.issue("callee", world.clock.now()));
    callee.certificate_minutes = 5;
    let instance = world.add_as(who(&Counter::default()), &callee).await;
    let visitor = authority.issue("visitor", world.clock.now());
    let stream = connect(&instance, authority.client(Some(&visitor), "h2")).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);
    for minutes in [0, 2, 2, 1] {
        world.clock.advance(Duration::from_mins(minutes));
        assert!(!connection.is_finished());
        let request = http::Request::get("https://callee/").header(CALLER, "visitor").body(Body::empty()).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), StatusCode::OK);
    }
    // It ends, politely or not.
    let _ended = connection.await.unwrap();
}
