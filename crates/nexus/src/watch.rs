//! Health and figures of this process's services in plain HTTP, for those who watch the machine: a container's health check,
//! Kubernetes, Prometheus. Between services everything has a certificate, and those watchers have none.

use std::future::IntoFuture;
use std::net::SocketAddr;

use anyhow::Context;
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

type Services = Vec<(&'static str, Router)>;

impl Watch {
    /// Listens at `telemetry.listen`, where it is set, for the services of this cloud.
    pub(crate) async fn open(
        address: Option<SocketAddr>,
        cloud: &Cloud,
        names: &[&'static str],
    ) -> anyhow::Result<Self> {
        let mut server = JoinSet::new();
        if let Some(address) = address {
            let listener = TcpListener::bind(address).await.with_context(|| {
                format!("listening on {address} for health and metrics; choose another address with telemetry.listen")
            })?;
            let services = names.iter().filter_map(|name| Some((*name, cloud.router(name)?))).collect();
            server.spawn(axum::serve(listener, routes(services)).into_future());
        }
        Ok(Self { _server: server })
    }
}

fn routes(services: Services) -> Router {
    Router::new()
        .route("/health/live", get(|State(services): State<Services>| health(services, "/health/live")))
        .route("/health/ready", get(|State(services): State<Services>| health(services, "/health/ready")))
        .route("/metrics", get(|State(services): State<Services>| metrics(services)))
        .with_state(services)
}

/// Good when all are, with what each says.
async fn health(services: Services, path: &'static str) -> Response {
    let mut status = StatusCode::OK;
    let mut answers = Map::new();
    for (name, router) in services {
        let (told, body) = ask(name, router, path).await;
        if told != StatusCode::OK {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        answers.insert(name.to_owned(), serde_json::from_slice(&body).unwrap_or(Value::Null));
    }
    (status, [(header::CACHE_CONTROL, "no-store")], Json(answers)).into_response()
}

async fn metrics(services: Services) -> Response {
    let mut texts = Vec::new();
    for (name, router) in services {
        // The gateway's own path of this name has the figures of all services.
        let (told, body) = ask(name, router, "/metrics").await;
        if told == StatusCode::OK {
            texts.push(String::from_utf8_lossy(&body).into_owned());
        }
    }
    ([(header::CONTENT_TYPE, FIGURES)], backend_api::merged_metrics(texts)).into_response()
}

/// Asks a service as one service asks another.
async fn ask(name: &str, router: Router, path: &str) -> (StatusCode, Vec<u8>) {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap_or_default();
    request.extensions_mut().insert(Caller(name.to_owned()));
    let answer = router.oneshot(request).await.into_response();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), LARGEST).await.map(Vec::from);
    (status, body.unwrap_or_default())
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

    async fn read(services: Services, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = routes(services).oneshot(request).await.unwrap();
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
