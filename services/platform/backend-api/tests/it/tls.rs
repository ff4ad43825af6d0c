//! The gateway faces the internet by itself: TLS, its certificate's renewal, and the way from plain HTTP.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Request, StatusCode, Version};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nexus_kernel::config::Config;
use nexus_testkit::{Testkit, eventually};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::support::{Listening, listen, started};

const HOST: &str = "cloud.example.org";

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// Writes a new certificate for the host; what a client must believe to come in.
fn issue(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([HOST.to_owned()]).unwrap();
    std::fs::write(folder.join("certificate.pem"), pem("CERTIFICATE", cert.der())).unwrap();
    std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &signing_key.serialize_der())).unwrap();
    cert.der().clone()
}

async fn secured(folder: &Path) -> Testkit {
    secured_with(folder, |_| {}).await
}

async fn secured_with(folder: &Path, adjust: impl FnOnce(&mut Config)) -> Testkit {
    started(|config| {
        adjust(config);
        config.public_url = format!("https://{HOST}");
        config.gateway.tls.certificate = folder.join("certificate.pem");
        config.gateway.tls.key = folder.join("key.pem");
        config.gateway.tls.redirect_from = Some("127.0.0.1:0".parse().unwrap());
    })
    .await
}

fn connector(
    believed: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    protocol: &[u8],
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(believed.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn shake(gateway: &Listening, connector: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    connector.connect(ServerName::try_from(HOST).unwrap(), gateway.connect().await).await
}

fn echo() -> Request<Empty<Bytes>> {
    Request::get(format!("https://{HOST}/api/content/echo")).header("host", HOST).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_under_both_versions_of_tls() {
    let folder = TempDir::new().unwrap();
    let believed = issue(folder.path());
    let kit = secured(folder.path()).await;
    let gateway = listen(&kit).await;
    for version in [&TLS12, &TLS13] {
        let stream = shake(&gateway, &connector(&believed, version, b"h2")).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let reply = sender.send_request(echo()).await.unwrap();
        assert_eq!((reply.status(), reply.version()), (StatusCode::OK, Version::HTTP_2));

        let stream = shake(&gateway, &connector(&believed, version, b"http/1.1")).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let reply = sender.send_request(echo()).await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(reply.headers()["strict-transport-security"], "max-age=31536000");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_is_not() {
    let folder = TempDir::new().unwrap();
    let first = connector(&issue(folder.path()), &TLS13, b"h2");
    let kit = secured(folder.path()).await;
    let gateway = listen(&kit).await;
    let _open = shake(&gateway, &first).await.unwrap();
    std::fs::write(folder.path().join("key.pem"), "half a ke").unwrap();
    for _ in 0..3 {
        shake(&gateway, &first).await.unwrap();
    }
    let second = connector(&issue(folder.path()), &TLS13, b"h2");
    eventually("the new certificate to be shown", async || shake(&gateway, &second).await.ok()).await;
    assert!(shake(&gateway, &first).await.is_err());
}

#[tokio::test]
async fn a_certificate_that_can_not_be_used_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    issue(folder.path());
    std::fs::write(folder.path().join("key.pem"), "nothing").unwrap();
    let kit = secured(folder.path()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = backend_api::Listening::open(listener, kit.context("backend-api")).unwrap_err().to_string();
    assert!(error.starts_with("gateway.tls: ") && error.contains("key.pem"), "{error}");
}

#[tokio::test]
async fn plain_http_is_sent_to_our_own_host_by_https_whatever_host_it_names() {
    let folder = TempDir::new().unwrap();
    issue(folder.path());
    let kit = secured(folder.path()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listening = backend_api::Listening::open(listener, kit.context("backend-api")).unwrap();
    let plain = listening.redirect_address().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(backend_api::serve(listening, shutdown.clone()));
    let mut stream = TcpStream::connect(plain).await.unwrap();
    stream.write_all(b"POST /api/content?a=1 HTTP/1.1\r\nhost: evil.example\r\n\r\n").await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 308"), "{reply}");
    assert!(reply.contains("location: https://cloud.example.org/api/content?a=1\r\n"), "{reply}");
    shutdown.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn handshakes_that_never_end_keep_nobody_else_out() {
    let folder = TempDir::new().unwrap();
    let believed = connector(&issue(folder.path()), &TLS13, b"h2");
    let kit = secured(folder.path()).await;
    let gateway = listen(&kit).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut stream = gateway.connect().await;
        // The beginning of a ClientHello that announces more than ever comes.
        stream.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
        silent.push(stream);
    }
    shake(&gateway, &believed).await.unwrap();
    // What is no TLS at all ends at once.
    let reply = gateway.exchange(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(!reply.contains("HTTP/1.1 200"), "{reply}");
}

#[tokio::test]
async fn whoever_came_by_plain_http_before_the_end_is_still_sent_on() {
    let folder = TempDir::new().unwrap();
    issue(folder.path());
    let kit = secured(folder.path()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listening = backend_api::Listening::open(listener, kit.context("backend-api")).unwrap();
    let plain = listening.redirect_address().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(backend_api::serve(listening, shutdown.clone()));
    let ask = async |mut stream: TcpStream| {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.map(|_| reply)
    };
    let early = TcpStream::connect(plain).await.unwrap();
    // They are accepted in their order.
    let reply = ask(TcpStream::connect(plain).await.unwrap()).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 308"), "{reply}");
    shutdown.cancel();
    eventually("nobody else to be taken", async || TcpStream::connect(plain).await.err()).await;
    let reply = ask(early).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 308"), "{reply}");
    server.await.unwrap();
}

#[tokio::test]
async fn beyond_the_most_connections_a_handshake_leads_nowhere() {
    let folder = TempDir::new().unwrap();
    let believed = connector(&issue(folder.path()), &TLS13, b"http/1.1");
    let kit = secured_with(folder.path(), |config| config.gateway.connections = 2).await;
    let gateway = listen(&kit).await;
    let answered = async || {
        let mut stream = shake(&gateway, &believed).await.ok()?;
        // It may be closed already.
        let _ = stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.ok()?;
        Some(stream)
    };
    let (_first, second) = (answered().await.unwrap(), answered().await.unwrap());
    for _ in 0..20 {
        assert!(answered().await.is_none());
    }
    drop(second);
    eventually("the place to be free", answered).await;
}
