//! The API's document, its page, and the figures.

use nexus_testkit::{Backend, Testkit};

use crate::support::{gateway, started};

fn identity() -> Vec<nexus_kernel::Service> {
    vec![gateway(), session_mgr::service(), token_mgr::service()]
}

#[tokio::test]
async fn one_document_has_the_operations_of_all_running_services() {
    let kit = Testkit::start(Backend::Sqlite, identity()).await;
    let reply = kit.get("/openapi.json").send().await.expect(200);
    let document = reply.value();
    assert_eq!(document["paths"]["/api/sessions"]["get"]["operationId"], "list_sessions");
    assert_eq!(document["paths"]["/api/system/services"]["get"]["tags"][0], "backend-api");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    assert_eq!(tags, ["backend-api", "session-mgr", "token-mgr"]);
    // The running system and the command line tell the same.
    let printed = backend_api::merged_document(&identity()).unwrap();
    assert_eq!(document, printed);
    let _ = kit.get("/openapi.json").header("if-none-match", reply.header("etag")).send().await.expect(304);
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    fn references<'a>(value: &'a serde_json::Value, found: &mut Vec<&'a str>) {
        match value {
            serde_json::Value::Object(map) => {
                found.extend(map.get("$ref").and_then(|reference| reference.as_str()));
                map.values().for_each(|value| references(value, found));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = backend_api::merged_document(&identity()).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn every_refusal_is_documented_as_a_problem() {
    let document = backend_api::merged_document(&identity()).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    for operation in operations {
        let responses = operation["responses"].as_object().unwrap();
        for status in ["400", "401", "429", "503", "504"] {
            assert!(responses.contains_key(status), "{} lacks {status}", operation["operationId"]);
        }
        for (status, response) in responses.iter().filter(|(status, _)| !status.starts_with('2')) {
            let json = response.pointer("/content/application~1json");
            assert!(json.is_none(), "{} {status}", operation["operationId"]);
        }
    }
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let kit = started(|_| {}).await;
    let page = kit.get("/api-docs").send().await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    for part in ["/api-docs/page.css", "/api-docs/page.js"] {
        assert!(page.text().contains(part));
        let part = kit.get(part).send().await.expect(200);
        assert!(!part.text().contains("http://") && !part.text().contains("https://"));
    }
    // The policy forbids scripts inside the page.
    assert!(!page.text().contains("<script>") && !page.text().contains("onclick"));
}

#[tokio::test]
async fn the_figures_of_all_services_are_for_the_machines_own_network() {
    let kit = started(|_| {}).await;
    let _ = kit.get("/api/content/echo").send().await.expect(200);
    let reply = kit.get("/metrics").from_address([127, 0, 0, 1]).send().await.expect(200);
    for series in [
        r#"http_requests_total{service="backend-api",route="/api/content",method="GET",status="2xx"} 1"#,
        r#"http_requests_total{service="content-management",route="/api/content/echo",method="GET",status="2xx"} 1"#,
    ] {
        assert!(reply.text().contains(series), "{}", reply.text());
    }
    assert_eq!(reply.text().matches("# TYPE http_requests counter").count(), 1);
    assert!(reply.text().ends_with("# EOF\n"));
    let _ = kit.get("/metrics").from_address([203, 0, 113, 9]).send().await.expect(404);
    let _ = kit
        .get("/metrics")
        .from_address([127, 0, 0, 1])
        .header("x-forwarded-for", "203.0.113.9")
        .send()
        .await
        .expect(404);
}
