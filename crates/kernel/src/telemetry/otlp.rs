//! Traces on their way to a collector: OTLP over HTTP, as JSON, with TLS where its address says so.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::{SpanKind, Status, TracerProvider};
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter as Export};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// How long the collector may take to accept a batch.
const SEND_LIMIT: Duration = Duration::from_secs(3);
/// The largest answer of a collector that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// The name of what no service did.
const PROGRAM: &str = "nexus";

/// Traces can't be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The address is no base URL that can be spoken to.
    #[error("`{0}` is not the address of a collector: expected http://host:4318 or https://host:4318")]
    Address(String),
    /// Nobody is known who could say that a collector is the one that it says.
    #[error("no authority for the collector's certificate in {place}: {reason}; name some in telemetry.ca")]
    Authorities {
        /// Where they were looked for.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// TLS can't be spoken.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The thread that sends could not be started.
    #[error("starting the thread that sends traces: {0}")]
    Thread(#[from] std::io::Error),
}

/// Sends spans until it is dropped, which sends what still waits.
#[derive(Debug)]
pub(super) struct Exporter {
    provider: SdkTracerProvider,
    /// Of its own: spans come before the program's runtime exists, and go out after it has ended.
    runtime: Option<Runtime>,
}

impl Exporter {
    /// `authorities` are a PEM file; where it has no name, the system's are asked.
    pub(super) fn start(url: &str, authorities: &Path) -> Result<Self, ExportError> {
        let base = url.trim_end_matches('/');
        let address = || ExportError::Address(url.to_owned());
        let uri: Uri = base.parse().map_err(|_| address())?;
        if uri.authority().is_none() || uri.query().is_some() {
            return Err(address());
        }
        let roots = match uri.scheme_str() {
            Some("https") => roots(authorities)?,
            Some("http") => RootCertStore::empty(),
            _ => return Err(address()),
        };
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("nexus-traces").enable_all().build()?;
        let client = Client::builder(TokioExecutor::new()).build(connector(roots)?);
        let sender = Sender { client, runtime: runtime.handle().clone() };
        let exporter = ByService {
            endpoint: format!("{base}/v1/traces"),
            sender: Arc::new(sender),
            exporters: Mutex::default(),
            failing: AtomicBool::new(false),
        };
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        Ok(Self { provider, runtime: Some(runtime) })
    }

    pub(super) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(PROGRAM))
            .with_context_activation(false)
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last traces could not be sent");
        }
        // Waiting for its thread would be an error where the last owner is a task of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Which of the two it speaks is for the collector's address to say; without authorities no certificate is believed.
fn connector(roots: RootCertStore) -> Result<HttpsConnector<HttpConnector>, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build())
}

/// The authorities of a PEM file, or the system's.
fn roots(file: &Path) -> Result<RootCertStore, ExportError> {
    let (place, certificates) = if file.as_os_str().is_empty() {
        ("the system's certificates".to_owned(), Ok(rustls_native_certs::load_native_certs().certs))
    } else {
        let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        (file.display().to_string(), read.map_err(|error| error.to_string()))
    };
    let wrong = |reason: String| ExportError::Authorities { place, reason };
    let certificates = match certificates {
        Ok(certificates) => certificates,
        Err(reason) => return Err(wrong(reason)),
    };
    let mut roots = RootCertStore::empty();
    // A certificate that can't be used is no reason not to use the others.
    let (usable, _) = roots.add_parsable_certificates(certificates);
    if usable == 0 { Err(wrong("there is none".to_owned())) } else { Ok(roots) }
}

/// One exporter for each service, as OTLP names the service once for a batch and not at each span.
struct ByService {
    endpoint: String,
    sender: Arc<Sender>,
    exporters: Mutex<HashMap<String, Arc<SpanExporter>>>,
    failing: AtomicBool,
}

impl fmt::Debug for ByService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByService").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl ByService {
    fn exporter(&self, service: &str) -> Result<Arc<SpanExporter>, OTelSdkError> {
        let mut exporters = self.exporters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = exporters.get(service) {
            return Ok(Arc::clone(known));
        }
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(Arc::clone(&self.sender) as _)
            .with_protocol(Protocol::HttpJson)
            .with_endpoint(&self.endpoint)
            .with_timeout(SEND_LIMIT)
            .build()
            .map_err(|error| OTelSdkError::InternalFailure(error.to_string()))?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        exporter.set_resource(
            &Resource::builder_empty().with_service_name(service.to_owned()).with_attribute(version).build(),
        );
        let exporter = Arc::new(exporter);
        exporters.insert(service.to_owned(), Arc::clone(&exporter));
        Ok(exporter)
    }

    async fn send(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut services: HashMap<String, Vec<SpanData>> = HashMap::new();
        for mut span in batch {
            let service = present(&mut span);
            services.entry(service).or_default().push(span);
        }
        let mut outcome = Ok(());
        for (service, spans) in services {
            outcome = outcome.and(self.exporter(&service)?.export(spans).await);
        }
        outcome
    }
}

impl Export for ByService {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.send(batch).await;
        // Said once for each outage, not for each batch of it.
        let failed_before = self.failing.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if !failed_before => {
                tracing::warn!(endpoint = self.endpoint, %error, "the collector does not take traces; they are dropped");
            }
            Ok(()) if failed_before => tracing::info!(endpoint = self.endpoint, "the collector takes traces again"),
            _ => {}
        }
        outcome
    }
}

/// Gives a span of the kernel the names of OpenTelemetry's semantic conventions, and says whose it is.
fn present(span: &mut SpanData) -> String {
    let text = |span: &SpanData, key: &'static str| {
        span.attributes.iter().find(|pair| pair.key.as_str() == key).map(|pair| pair.value.as_str().into_owned())
    };
    let method = text(span, "method").unwrap_or_default();
    match &*span.name {
        "request" => {
            span.name = format!("{method} {}", text(span, "route").unwrap_or_default()).into();
            span.span_kind = SpanKind::Server;
        }
        "call" => {
            span.name = format!("{method} {}", text(span, "callee").unwrap_or_default()).into();
            span.span_kind = SpanKind::Client;
        }
        _ => {}
    }
    let service = text(span, "service").unwrap_or_else(|| PROGRAM.to_owned());
    for pair in &mut span.attributes {
        pair.key = match pair.key.as_str() {
            "method" => Key::from_static_str("http.request.method"),
            "route" => Key::from_static_str("http.route"),
            "status" => Key::from_static_str("http.response.status_code"),
            "callee" => Key::from_static_str("peer.service"),
            _ => continue,
        };
        if pair.key.as_str() == "http.response.status_code" && matches!(pair.value, Value::I64(500..)) {
            span.status = Status::error("");
        }
    }
    service
}

/// The kernel's own HTTP client, on the exporter's own runtime, as the thread that exports has none.
#[derive(Debug)]
struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        // All of it inside the task: timers and sockets belong to the runtime that makes them.
        let exchange = async move {
            let exchange = async {
                let (parts, body) = client.request(request.map(Full::new)).await?.into_parts();
                let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
                Ok::<_, HttpError>(Response::from_parts(parts, body))
            };
            tokio::time::timeout(SEND_LIMIT, exchange).await?
        };
        self.runtime.spawn(exchange).await?
    }
}
