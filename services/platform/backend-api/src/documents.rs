//! The API's document: what all running services say about themselves, in one, and a page to read it.

use std::time::Duration;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use http::request::Parts;
use http::{HeaderValue, Method, header};
use nexus_kernel::mesh::MeshError;
use nexus_kernel::registry::{Registry, ServiceEntry};
use nexus_kernel::{Context, Problem, Service};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, Info, License, OpenApi, OpenApiBuilder};

use crate::{NAME, refusals, routes};

/// How long the document is kept before the services are asked again.
const KEPT: Duration = Duration::from_secs(10);
/// How long a service may take to give its document.
const LIMIT: Duration = Duration::from_secs(2);

const PAGE: &str = include_str!("../page/index.html");
const STYLE: &str = include_str!("../page/page.css");
const SCRIPT: &str = include_str!("../page/page.js");

/// The document of these services.
pub fn merged_document(services: &[Service]) -> serde_json::Result<Value> {
    let written = |service: &Service| Ok((service.name().to_owned(), serde_json::to_value(service.document())?));
    merged(services.iter().map(written).collect::<serde_json::Result<_>>()?)
}

/// Joins documents as they are written: what a service says arrives unchanged, and the gateway adds its own refusals.
fn merged(mut documents: Vec<(String, Value)>) -> serde_json::Result<Value> {
    // The order of the registry, so that the document is the same however the services were found.
    documents.sort_by_key(|(name, _)| Registry::built_in().services.iter().position(|entry| entry.name == *name));
    let mut whole = serde_json::to_value(frame(documents.iter().map(|(name, _)| name.as_str())))?;
    for (_, mut document) in documents {
        for part in ["paths", "components"] {
            join(&mut whole[part], document[part].take());
        }
    }
    refusals::add(&mut whole);
    Ok(whole)
}

/// What no service says alone.
fn frame<'a>(services: impl Iterator<Item = &'a str>) -> OpenApi {
    let tag = |name: &str| {
        let purpose = Registry::built_in().service(name).map(|entry| entry.purpose.clone());
        TagBuilder::new().name(name).description(purpose).build()
    };
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token, as POST /api/auth/login gives it"))
        .build();
    let mut components = Components::new();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let tags: Vec<_> = services.map(tag).collect();
    OpenApiBuilder::new().info(info()).tags(Some(tags)).components(Some(components)).build()
}

/// Adds to an object what another has more, at every depth. What both have stays as it is: it is the same, as one name means
/// one thing in all services.
fn join(whole: &mut Value, part: Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (name, value) in part {
                join(whole.entry(name).or_insert(Value::Null), value);
            }
        }
        (whole @ Value::Null, part) => *whole = part,
        _ => {}
    }
}

fn info() -> Info {
    Info::builder()
        .title("Nexus COS")
        .description(Some("Every public route of the running system, through its gateway."))
        .license(Some(License::new("Apache-2.0")))
        .version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// The document as it was made last.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    made: Mutex<Option<(Instant, Bytes)>>,
}

impl Documents {
    async fn json(&self, context: &Context) -> Result<Bytes, Problem> {
        let mut made = self.made.lock().await;
        if let Some((at, json)) = made.as_ref()
            && at.elapsed() < KEPT
        {
            return Ok(json.clone());
        }
        let documents = ask_all(context).await;
        let written = documents.and_then(merged).and_then(|whole| serde_json::to_vec(&whole));
        let json = Bytes::from(written.map_err(Problem::internal)?);
        *made = Some((Instant::now(), json.clone()));
        Ok(json)
    }
}

async fn ask_all(context: &Context) -> serde_json::Result<Vec<(String, Value)>> {
    let others = Registry::built_in().services.iter().filter(|entry| entry.name != NAME);
    let asked = join_all(others.map(|entry| ask(context, entry))).await;
    let own = (NAME.to_owned(), serde_json::to_value(routes::router().into_openapi())?);
    Ok(asked.into_iter().flatten().chain([own]).collect())
}

/// A service that does not answer is missing in the document until it is made anew.
async fn ask(context: &Context, entry: &ServiceEntry) -> Option<(String, Value)> {
    let answer =
        async { context.mesh.to(&entry.name).timeout(LIMIT).get("/openapi.json").send().await?.json::<Value>().await };
    match answer.await {
        Ok(document) => Some((entry.name.clone(), document)),
        Err(MeshError::NoInstance { .. }) => None,
        Err(error) => {
            tracing::warn!(%error, service = entry.name, "a service gave no API document");
            None
        }
    }
}

/// Answers for the document and its page.
pub(crate) async fn answer(context: &Context, parts: &Parts) -> Response {
    if ![Method::GET, Method::HEAD].contains(&parts.method) {
        return Problem::method_not_allowed("the document is only read").into_response();
    }
    match parts.uri.path() {
        "/openapi.json" => match context.state::<Documents>().json(context).await {
            Ok(json) => of_kind("application/json", json),
            Err(problem) => problem.into_response(),
        },
        "/api-docs" => of_kind("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes())),
        "/api-docs/page.css" => of_kind("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes())),
        "/api-docs/page.js" => of_kind("text/javascript; charset=utf-8", Bytes::from_static(SCRIPT.as_bytes())),
        _ => Problem::not_found("there is nothing at this path").into_response(),
    }
}

fn of_kind(kind: &'static str, bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], bytes).into_response()
}
