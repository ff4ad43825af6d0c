//! Health and figures in plain HTTP, for those who watch the machine: a container's health check, Kubernetes, Prometheus.
//! Between services everything has a certificate, and those watchers have none.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use nexus_kernel::Caller;
use nexus_kernel::runtime::Cloud;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt;

/// The largest answer of one service, in bytes.
const LARGEST: usize = 8 << 20;
/// What figures are written in (`OpenMetrics` 1.0).
const FIGURES: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The listening; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    _server: JoinSet<std::io::Result<()>>,
}

/// Those that a watcher hears of.
#[async_trait]
pub(crate) trait Watched: Send + Sync + 'static {
    /// Asks each for this path, as one service asks another.
    async fn ask(&self, path: &str) -> Vec<Answer>;
}

/// What one of them says.
pub(crate) struct Answer {
    /// The service, and which of its instances where that must be told.
    pub(crate) who: String,
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(who: String, response: Response) -> Self {
        let status = response.status();
        let body = to_bytes(response.into_body(), LARGEST).await.map(Vec::from).unwrap_or_default();
        Self { who, status, body }
    }

    /// A service that has no instance.
    pub(crate) fn nobody(service: &str) -> Self {
        Self { who: service.to_owned(), status: StatusCode::SERVICE_UNAVAILABLE, body: Vec::new() }
    }
}

impl Watch {
    /// Listens at `telemetry.listen`, where it is set.
    pub(crate) async fn open(address: Option<SocketAddr>, watched: impl Watched) -> anyhow::Result<Self> {
        let mut server = JoinSet::new();
        if let Some(address) = address {
            let listener = TcpListener::bind(address).await.with_context(|| {
                format!("listening on {address} for health and metrics; choose another address with telemetry.listen")
            })?;
            server.spawn(axum::serve(listener, routes(Arc::new(watched))).into_future());
        }
        Ok(Self { _server: server })
    }
}

fn routes(watched: Arc<dyn Watched>) -> Router {
    Router::new()
        .route("/health/live", get(|State(watched): State<Arc<dyn Watched>>| health(watched, "/health/live")))
        .route("/health/ready", get(|State(watched): State<Arc<dyn Watched>>| health(watched, "/health/ready")))
        .route("/metrics", get(|State(watched): State<Arc<dyn Watched>>| metrics(watched)))
        .with_state(watched)
}

/// Good when all are, with what each says.
async fn health(watched: Arc<dyn Watched>, path: &'static str) -> Response {
    let mut status = StatusCode::OK;
    let mut answers = Map::new();
    for answer in watched.ask(path).await {
        if answer.status != StatusCode::OK {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        answers.insert(answer.who, serde_json::from_slice(&answer.body).unwrap_or(Value::Null));
    }
    (status, [(header::CACHE_CONTROL, "no-store")], Json(answers)).into_response()
}

async fn metrics(watched: Arc<dyn Watched>) -> Response {
    let answers = watched.ask("/metrics").await.into_iter().filter(|answer| answer.status == StatusCode::OK);
    let texts = answers.map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
    ([(header::CONTENT_TYPE, FIGURES)], backend_api::merged_metrics(texts)).into_response()
}

/// The services of this process.
pub(crate) struct Here(Vec<(&'static str, Router)>);

impl Here {
    pub(crate) fn new(cloud: &Cloud, names: &[&'static str]) -> Self {
        Self(names.iter().filter_map(|name| Some((*name, cloud.router(name)?))).collect())
    }
}

#[async_trait]
impl Watched for Here {
    async fn ask(&self, path: &str) -> Vec<Answer> {
        let mut answers = Vec::new();
        for (name, router) in &self.0 {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = path.parse().unwrap_or_default();
            request.extensions_mut().insert(Caller((*name).to_owned()));
            let response = router.clone().oneshot(request).await.into_response();
            answers.push(Answer::of((*name).to_owned(), response).await);
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &'static str, ready: StatusCode) -> (&'static str, Router) {
        let figures = format!("# TYPE r counter\nr_total{{service=\"{name}\"}} 1\n# EOF\n");
        let router = Router::new()
            .route("/health/ready", get(move || async move { (ready, Json(serde_json::json!({"service": name}))) }))
            .route("/metrics", get(move || async move { figures }));
        (name, router)
    }

    async fn read(services: Vec<(&'static str, Router)>, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = routes(Arc::new(Here(services))).oneshot(request).await.unwrap();
        let status = answer.status();
        (status, String::from_utf8(to_bytes(answer.into_body(), LARGEST).await.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn all_are_ready_or_it_says_which_is_not() {
        let both = |second| vec![service("a", StatusCode::OK), service("b", second)];
        assert_eq!(read(both(StatusCode::OK), "/health/ready").await.0, StatusCode::OK);
        let (status, text) = read(both(StatusCode::SERVICE_UNAVAILABLE), "/health/ready").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.contains(r#""b":{"service":"b"}"#), "{text}");
    }

    #[tokio::test]
    async fn the_figures_of_all_are_one_text() {
        let (_, text) = read(vec![service("a", StatusCode::OK), service("b", StatusCode::OK)], "/metrics").await;
        assert_eq!(text, "# TYPE r counter\nr_total{service=\"a\"} 1\nr_total{service=\"b\"} 1\n# EOF\n");
    }
}
