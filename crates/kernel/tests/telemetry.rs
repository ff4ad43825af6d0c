//! Traces, as a collector gets them.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use nexus_kernel::config::{Config, TelemetryConfig};
use nexus_kernel::events::{Delivery, Event};
use nexus_kernel::{Context, Problem, Service, TenantId, telemetry};
use nexus_testkit::{Backend, Testkit, eventually};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CAUSE: &str = "00f067aa0ba902b7";

#[derive(Debug, Serialize, Deserialize)]
struct Asked {}

impl Event for Asked {
    const TYPE: &'static str = "ledger-mgr.question.asked.v1";
    const SOURCE: &'static str = "ledger-mgr";

    fn key(&self) -> String {
        String::new()
    }
}

async fn ask(State(context): State<Context>) -> Result<Json<Value>, Problem> {
    let mut tx = context.store.begin(TenantId(Uuid::from_u128(1))).await?;
    tx.publish(&Asked {}).await?;
    tx.commit().await?;
    Ok(Json(context.mesh.to("scheduler").get("/api/answer").send().await?.json().await?))
}

fn asking() -> Service {
    Service::new("ledger-mgr").routes(OpenApiRouter::new().route("/api/questions/{id}", axum::routing::get(ask)))
}

fn answering(heard: Arc<Notify>) -> Service {
    let answer = axum::routing::get(async || Json(json!(42)));
    Service::new("scheduler").routes(OpenApiRouter::new().route("/api/answer", answer)).on::<Asked>(
        "hears",
        move |_, _, _: Delivery<Asked>| {
            let heard = Arc::clone(&heard);
            Box::pin(async move {
                heard.notify_one();
                Ok(())
            })
        },
    )
}

type Batches = Arc<Mutex<Vec<Value>>>;

/// Takes what OTLP/HTTP exporters send, as JSON.
fn taking() -> (Router, Batches) {
    let batches = Batches::default();
    let take = async |State(batches): State<Batches>, Json(batch): Json<Value>| {
        batches.lock().unwrap().push(batch);
        Json(json!({}))
    };
    (Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&batches)), batches)
}

async fn collector() -> (String, Batches) {
    let (router, batches) = taking();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, batches)
}

/// A span, as far as these tests look at it.
#[derive(Debug, Clone)]
struct Span {
    service: String,
    name: String,
    kind: i64,
    trace: String,
    id: String,
    parent: String,
    attributes: HashMap<String, Value>,
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn attributes(value: &Value) -> HashMap<String, Value> {
    let plain = |value: &Value| value.as_object().and_then(|typed| typed.values().next().cloned()).unwrap_or_default();
    list(value).map(|pair| (pair["key"].as_str().unwrap().to_owned(), plain(&pair["value"]))).collect()
}

fn spans(batches: &Batches) -> Vec<Span> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut spans = Vec::new();
    for batch in batches.lock().unwrap().iter() {
        for resource in list(&batch["resourceSpans"]) {
            let service = attributes(&resource["resource"]["attributes"])["service.name"].as_str().unwrap().to_owned();
            for span in list(&resource["scopeSpans"]).flat_map(|scope| list(&scope["spans"])) {
                spans.push(Span {
                    service: service.clone(),
                    name: text(&span["name"]),
                    kind: span["kind"].as_i64().unwrap_or_default(),
                    trace: text(&span["traceId"]),
                    id: text(&span["spanId"]),
                    parent: text(&span["parentSpanId"]),
                    attributes: attributes(&span["attributes"]),
                });
            }
        }
    }
    spans
}

fn only(spans: &[Span], service: &str, name: &str) -> Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.service == service && span.name == name).collect();
    assert_eq!(found.len(), 1, "{service} {name} in {spans:#?}");
    found[0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_is_one_trace_over_services_and_events() {
    let (url, batches) = collector().await;
    let quiet = TelemetryConfig { otlp: url, filter: "off".to_owned(), ..Config::default().telemetry };
    let telemetry = telemetry::install(&quiet).unwrap();
    let heard = Arc::new(Notify::new());
    let kit = Testkit::start(Backend::Sqlite, vec![asking(), answering(Arc::clone(&heard))]).await;
    let request = kit.request_to("ledger-mgr", http::Method::GET, "/api/questions/7");
    let reply = request.header("traceparent", format!("00-{TRACE}-{CAUSE}-01")).send().await.expect(200);
    assert_eq!(reply.value(), 42);
    heard.notified().await;
    let _ = kit.request_to("ledger-mgr", http::Method::GET, "/api/questions/7").send().await.expect(200);
    kit.cloud.shutdown().await;
    // What still waits goes out now; the thread that waits for it must not be the collector's.
    tokio::task::spawn_blocking(move || drop(telemetry)).await.unwrap();

    let all = spans(&batches);
    let of_trace: Vec<Span> = all.iter().filter(|span| span.trace == TRACE).cloned().collect();
    let asked = only(&of_trace, "ledger-mgr", "GET /api/questions/{id}");
    let call = only(&of_trace, "ledger-mgr", "GET scheduler");
    let answered = only(&of_trace, "scheduler", "GET /api/answer");
    let event = only(&of_trace, "scheduler", "event");
    assert_eq!(asked.parent, CAUSE);
    assert_eq!(call.parent, asked.id);
    assert_eq!(answered.parent, call.id);
    assert_eq!(event.parent, asked.id);
    // SERVER and CLIENT, as OTLP numbers them.
    assert_eq!((asked.kind, call.kind, answered.kind), (2, 3, 2));
    assert_eq!(asked.attributes["http.route"], "/api/questions/{id}");
    assert_eq!(asked.attributes["http.response.status_code"].to_string().trim_matches('"'), "200");
    assert_eq!(asked.attributes["trace_id"], TRACE);

    // The second request came without a trace and began one.
    let roots: Vec<&Span> = all.iter().filter(|span| span.name == asked.name && span.trace != TRACE).collect();
    assert_eq!(roots.len(), 1, "{all:#?}");
    assert_eq!(roots[0].parent, "");
    assert_eq!(roots[0].attributes["trace_id"], *roots[0].trace);
}

#[test]
fn an_address_that_traces_cannot_go_to_is_refused() {
    for url in ["localhost:4318", "ftp://collector:4318", "http://", "https://collector:4318/?token=x"] {
        let config = TelemetryConfig { otlp: url.to_owned(), ..Config::default().telemetry };
        let error = telemetry::install(&config).unwrap_err().to_string();
        assert!(error.starts_with("telemetry.otlp") && error.contains(url), "{error}");
    }
}

/// An authority, and a collector that shows a certificate of it for `localhost`.
async fn tls_collector(folder: &Path) -> (u16, PathBuf, Batches) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let file = folder.join("authority.pem");
    let encoded = STANDARD.encode(authority.der());
    std::fs::write(&file, format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n")).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (router, batches) = taking();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
            tokio::spawn(async move {
                // Who does not believe our certificate hangs up.
                let Ok(connection) = acceptor.accept(connection).await else { return };
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(connection), service)
                    .await;
            });
        }
    });
    (port, file, batches)
}

/// Traces one request and sends what there is.
async fn trace_once(config: TelemetryConfig) {
    let telemetry = telemetry::install(&config).unwrap();
    let kit = Testkit::start(Backend::Sqlite, vec![answering(Arc::default())]).await;
    let _ = kit.request_to("scheduler", http::Method::GET, "/api/answer").send().await.expect(200);
    kit.cloud.shutdown().await;
    tokio::task::spawn_blocking(move || drop(telemetry)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_go_to_a_collector_under_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (port, ca, batches) = tls_collector(folder.path()).await;
    let otlp = format!("https://localhost:{port}");
    trace_once(TelemetryConfig { otlp, ca, filter: "off".to_owned(), ..Config::default().telemetry }).await;
    only(&spans(&batches), "scheduler", "GET /api/answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_go_to_nobody_whose_certificate_is_not_the_collectors() {
    let folder = tempfile::tempdir().unwrap();
    let (port, ca, batches) = tls_collector(folder.path()).await;
    // It is for another name.
    let otlp = format!("https://127.0.0.1:{port}");
    trace_once(TelemetryConfig { otlp, ca, filter: "off".to_owned(), ..Config::default().telemetry }).await;
    assert_eq!(batches.lock().unwrap().len(), 0);
}

#[test]
fn authorities_that_are_not_there_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for ca in [folder.path().join("none.pem"), empty] {
        let named = ca.display().to_string();
        let otlp = "https://localhost:4318".to_owned();
        let error = telemetry::install(&TelemetryConfig { otlp, ca, ..Config::default().telemetry }).unwrap_err();
        assert!(error.to_string().contains(&named), "{error}");
    }
}

#[tokio::test]
async fn the_program_runs_and_ends_though_no_collector_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let otlp = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let config = TelemetryConfig { otlp, filter: "off".to_owned(), ..Config::default().telemetry };
    let telemetry = telemetry::install(&config).unwrap();
    let kit = Testkit::start(Backend::Sqlite, vec![answering(Arc::default())]).await;
    let get = async || kit.request_to("scheduler", http::Method::GET, "/api/answer").send().await;
    eventually("an answer", async || (get().await.status == 200).then_some(())).await;
    drop(telemetry);
    let _ = get().await.expect(200);
}
