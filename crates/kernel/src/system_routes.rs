//! What every service answers about itself: health, metrics, its API document.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

use crate::context::Context;
use crate::metrics::Stats;
use crate::problem::Problem;
use crate::runtime::Readiness;

/// How long one readiness check may take.
const CHECK_LIMIT: Duration = Duration::from_secs(2);

/// The state of a service and of what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The service.
    #[schema(example = "session-mgr")]
    pub service: String,
    /// `up` when every required check passed, else `down`.
    #[schema(example = "up")]
    pub status: String,
    /// Each check.
    pub checks: Vec<HealthCheck>,
}

/// One thing that a service needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthCheck {
    /// Its name: `store`, `bus`, a service, or a part of its own.
    #[schema(example = "store")]
    pub name: String,
    /// Whether it is there.
    pub ok: bool,
    /// Whether the service is down without it. Another service is not required: while it is away, requests that need it fail,
    /// and all others are still answered.
    pub required: bool,
    /// What is wrong and what to do, when it is not.
    pub error: Option<String>,
}

#[derive(Clone)]
struct Documents {
    json: Arc<str>,
    page: Arc<str>,
}

pub(crate) fn routes(readiness: Arc<Readiness>, document: &OpenApi) -> Result<Router<Context>, serde_json::Error> {
    let documents = Documents { json: serde_json::to_string(document)?.into(), page: page(document).into() };
    let (for_json, for_page) = (documents.clone(), documents);
    let full = Arc::clone(&readiness);
    Ok(Router::new()
        .route("/health", get(move |State(context): State<Context>| health(context, full)))
        .route("/health/live", get(|| async { Json(serde_json::json!({"status": "up"})) }))
        .route("/health/ready", get(move |State(context): State<Context>| health(context, readiness)))
        .route("/metrics", get(metrics))
        .route("/internal/stats", get(stats))
        .route(
            "/openapi.json",
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], for_json.json.to_string()) }),
        )
        .route("/api-docs", get(move || async move { Html(for_page.page.to_string()) })))
}

async fn health(context: Context, readiness: Arc<Readiness>) -> Response {
    let mut checks = Vec::new();
    for name in readiness.names() {
        let result = match tokio::time::timeout(CHECK_LIMIT, readiness.check(&context, &name)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {} s", CHECK_LIMIT.as_secs())),
        };
        let required = readiness.requires(&name);
        checks.push(HealthCheck { name, ok: result.is_ok(), required, error: result.err() });
    }
    let up = checks.iter().all(|check| check.ok || !check.required);
    let status = if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if up { "up" } else { "down" };
    (status, Json(Health { service: context.service.to_owned(), status: word.to_owned(), checks })).into_response()
}

async fn metrics(State(context): State<Context>) -> Result<Response, Problem> {
    let text = context.metrics.encode().map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

async fn stats(State(context): State<Context>) -> Json<Stats> {
    Json(context.metrics.stats())
}

/// A page that lists the operations, readable without scripts.
fn page(document: &OpenApi) -> String {
    let value = serde_json::to_value(document).unwrap_or_default();
    let mut rows = String::new();
    let none = serde_json::Map::new();
    for (path, item) in value["paths"].as_object().unwrap_or(&none) {
        for (method, operation) in item.as_object().unwrap_or(&none) {
            let summary = operation["summary"].as_str().unwrap_or_default();
            let _ = write!(
                rows,
                "<tr><td><b>{}</b></td><td><code>{}</code></td><td>{}</td></tr>",
                escape(&method.to_uppercase()),
                escape(path),
                escape(summary),
            );
        }
    }
    let title = escape(&document.info.title);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><h1>{title}</h1>\
         <p>The whole document: <a href=/openapi.json>/openapi.json</a></p><table>{rows}</table></html>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
