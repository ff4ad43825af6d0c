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
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, Info, License, OpenApi, OpenApiBuilder};

use crate::{NAME, routes};

/// How long the document is kept before the services are asked again.
const KEPT: Duration = Duration::from_secs(10);
/// How long a service may take to give its document.
const LIMIT: Duration = Duration::from_secs(2);

const PAGE: &str = include_str!("../page/index.html");
const STYLE: &str = include_str!("../page/page.css");
const SCRIPT: &str = include_str!("../page/page.js");

/// The document of these services.
pub fn merged_document(services: Vec<Service>) -> OpenApi {
    let documents = services.into_iter().map(|service| (service.name().to_owned(), service.document())).collect();
    merged(documents)
}

fn merged(mut documents: Vec<(String, OpenApi)>) -> OpenApi {
    // The order of the registry, so that the document is the same however the services were found.
    documents.sort_by_key(|(name, _)| Registry::built_in().services.iter().position(|entry| entry.name == *name));
    let tags = documents.iter().map(|(name, _)| {
        let purpose = Registry::built_in().service(name).map(|entry| entry.purpose.clone());
        TagBuilder::new().name(name.clone()).description(purpose).build()
    });
    let mut whole = OpenApiBuilder::new().info(info()).tags(Some(tags.collect::<Vec<_>>())).build();
    for (_, document) in documents {
        whole.merge(document);
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token, as POST /api/auth/login gives it"))
        .build();
    whole.components.get_or_insert_with(Components::new).add_security_scheme("bearer", SecurityScheme::Http(bearer));
    whole
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
        let json = Bytes::from(serde_json::to_vec(&merged(ask_all(context).await)).map_err(Problem::internal)?);
        *made = Some((Instant::now(), json.clone()));
        Ok(json)
    }
}

async fn ask_all(context: &Context) -> Vec<(String, OpenApi)> {
    let others = Registry::built_in().services.iter().filter(|entry| entry.name != NAME);
    let asked = join_all(others.map(|entry| ask(context, entry))).await;
    let own = (NAME.to_owned(), routes::router().into_openapi());
    asked.into_iter().flatten().chain([own]).collect()
}

/// A service that does not answer is missing in the document until it is made anew.
async fn ask(context: &Context, entry: &ServiceEntry) -> Option<(String, OpenApi)> {
    let answer = async {
        context.mesh.to(&entry.name).timeout(LIMIT).get("/openapi.json").send().await?.json::<OpenApi>().await
    };
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
