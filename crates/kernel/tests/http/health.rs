//! What a service says about itself.

use std::sync::atomic::Ordering;

use http::Method;
use nexus_kernel::Service;
use nexus_testkit::{Backend, Testkit};

use crate::on_each_backend;
use crate::support::{Inside, NAME, service};

async fn readiness_names_what_fails_and_liveness_does_not_care(backend: Backend) {
    let inside = Inside::default();
    // invoice-gen needs billing-service and ledger-mgr, of which one runs here.
    let kit =
        Testkit::start(backend, vec![service(&inside), Service::new("invoice-gen"), Service::new("ledger-mgr")]).await;
    let ask = |service: &str, path: &str| kit.request_to(service, Method::GET, path);
    let health = ask(NAME, "/health/ready").send().await.expect(200).value();
    assert_eq!((&health["service"], &health["status"]), (&NAME.into(), &"up".into()));
    let names: Vec<_> = health["checks"].as_array().unwrap().iter().map(|check| check["name"].clone()).collect();
    assert_eq!(names, ["store", "bus", "quill"]);
    let health = ask("invoice-gen", "/health").send().await.expect(200).value();
    let names: Vec<_> = health["checks"].as_array().unwrap().iter().map(|check| check["name"].clone()).collect();
    assert_eq!(names, ["store", "bus", "ledger-mgr"]);

    inside.fails.store(true, Ordering::SeqCst);
    let health = ask(NAME, "/health/ready").send().await.expect(503).value();
    assert_eq!(health["status"], "down");
    let failed: Vec<_> = health["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(
        (failed.len(), &failed[0]["name"], &failed[0]["error"]),
        (1, &"quill".into(), &"the quill is dry".into())
    );
    let _ = ask(NAME, "/health/live").send().await.expect(200);
}

async fn a_store_that_does_not_answer_is_named(backend: Backend) {
    let kit = Testkit::start(backend, vec![service(&Inside::default())]).await;
    kit.context(NAME).store.close().await;
    let health = kit.request_to(NAME, Method::GET, "/health/ready").send().await.expect(503).value();
    let store = health["checks"].as_array().unwrap().iter().find(|check| check["name"] == "store").unwrap();
    assert_eq!(store["ok"], false, "{health}");
    assert!(!store["error"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn figures_name_routes_by_template_and_never_by_path() {
    let kit = Testkit::start(Backend::Sqlite, vec![service(&Inside::default())]).await;
    for path in ["/api/scheduler/notes/public", "/api/scheduler/notes/secret-4711", "/api/scheduler/secret-4711"] {
        let _ = kit.get(path).send().await;
    }
    let reply = kit.request_to(NAME, Method::GET, "/metrics").send().await.expect(200);
    let text = reply.text();
    assert!(reply.header("content-type").starts_with("application/openmetrics-text"));
    assert!(
        text.contains(
            r#"http_requests_total{service="scheduler",route="/api/scheduler/notes/{id}",method="GET",status="2xx"} 1"#
        ),
        "{text}"
    );
    assert!(text.contains(r#"route="unmatched""#) && text.contains("http_request_duration_seconds_bucket"), "{text}");
    assert!(!text.contains("4711"), "{text}");
    let stats = kit
        .request_to(NAME, Method::GET, "/internal/stats")
        .from_service("backend-api")
        .send()
        .await
        .expect(200)
        .value();
    assert!(stats["requests_per_second"].as_f64().unwrap() > 0.0, "{stats}");
}

#[tokio::test]
async fn every_service_has_its_document_and_a_page_that_needs_no_script() {
    let kit = Testkit::start(Backend::Sqlite, vec![service(&Inside::default())]).await;
    let document = kit.request_to(NAME, Method::GET, "/openapi.json").send().await.expect(200).value();
    assert_eq!(document["info"]["title"], NAME);
    assert_eq!(document["paths"]["/api/scheduler/notes"]["post"]["operationId"], "make_note");
    let page = kit.request_to(NAME, Method::GET, "/api-docs").send().await.expect(200).text();
    assert!(
        page.contains("/api/scheduler/notes") && page.contains("Makes a note") && !page.contains("<script"),
        "{page}"
    );
}

on_each_backend!(readiness_names_what_fails_and_liveness_does_not_care, a_store_that_does_not_answer_is_named);
