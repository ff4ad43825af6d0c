//! Requests find their service, and nothing finds what is inside.

use http::Method;
use nexus_kernel::Role;
use nexus_testkit::Person;

use crate::support::{gateway, started};

#[tokio::test]
async fn a_request_reaches_the_service_of_the_longest_prefix_with_its_query() {
    let kit = started(|_| {}).await;
    let reply = kit.get("/api/content/echo?page=2&q=a%20b").send().await.expect(200).value();
    assert_eq!(reply["uri"], "/api/content/echo?page=2&q=a%20b");
}

#[tokio::test]
async fn a_service_that_does_not_run_is_a_503_problem() {
    let kit = started(|_| {}).await;
    let token = kit.token(&Person::new(Role::Member));
    let reply = kit.get("/api/pvkeys/x").bearer(token).send().await.expect(503);
    assert_eq!(reply.code(), "unavailable");
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert!(!reply.header("retry-after").is_empty());
}

#[tokio::test]
async fn an_answer_that_does_not_begin_in_time_is_a_504_problem() {
    let kit = started(|config| config.gateway.timeout_seconds = 1).await;
    let reply = kit.get("/api/content/slow").send().await.expect(504);
    assert_eq!(reply.code(), "timeout");
}

#[tokio::test]
async fn a_service_that_fails_again_and_again_is_left_alone() {
    let kit = started(|_| {}).await;
    for _ in 0..5 {
        let reply = kit.get("/api/content/unavailable").send().await.expect(503);
        assert!(reply.text().contains("not now"), "{}", reply.text());
    }
    let reply = kit.get("/api/content/echo").send().await.expect(503);
    assert!(reply.text().contains("failed repeatedly"), "{}", reply.text());
    assert_eq!(reply.header("retry-after"), "1");
    kit.clock.advance(std::time::Duration::from_secs(2));
    let _ = kit.get("/api/content/echo").send().await.expect(200);
}

#[tokio::test]
async fn no_path_leads_to_an_internal_route() {
    let kit = started(|_| {}).await;
    let _ = kit
        .request_to("content-management", Method::GET, "/internal/secret")
        .from_service("scheduler")
        .send()
        .await
        .expect(200);
    for path in [
        "/internal/secret",
        "/internal/stats",
        "/internal/events",
        "//internal/secret",
        "/api/content/../../internal/secret",
        "/api/content/%2e%2e/%2e%2e/internal/secret",
        "/api/content/..%2f..%2finternal/secret",
        "/api/content%2f..%2f..%2finternal%2fsecret",
        "/api/content/..%5c..%5cinternal/secret",
        "/api/content//internal/secret",
        "/api/content/./internal/secret",
        "/%69nternal/secret",
        "/%2e/internal/secret",
        "/internal%2fsecret",
        "/Internal/secret",
        "/api/content/%00/internal",
        "/api/content/%zz",
    ] {
        let reply = kit.get(path).header("x-nexus-caller", "v1.scheduler.99999999999.AAAA").send().await;
        assert!([400, 404, 503].contains(&reply.status.as_u16()), "{path}: {}", reply.status);
        assert!(
            !reply.text().contains("services only") && !reply.text().contains("p50_ms"),
            "{path}: {}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways_is_refused_with_the_reason() {
    let kit = started(|_| {}).await;
    let reply = kit.get("/api/content/%2e%2e/echo").send().await.expect(400);
    assert_eq!(reply.code(), "invalid-path");
    assert!(reply.text().contains("dot segment"), "{}", reply.text());
}

#[tokio::test]
async fn a_path_of_the_api_that_nothing_answers_is_a_404_problem_and_not_the_console() {
    let kit = started(|_| {}).await;
    for path in ["/api", "/api/no-such-thing", "/.well-known/no-such-thing", "/api-docs/none.js", "/internal"] {
        assert_eq!(kit.get(path).send().await.expect(404).code(), "not-found", "{path}");
    }
    assert_eq!(kit.request(Method::TRACE, "/api/content/echo").send().await.expect(405).code(), "method-not-allowed");
}

#[tokio::test]
async fn the_services_see_the_clients_address_and_nothing_that_the_client_claims() {
    let kit = started(|config| config.gateway.trusted_proxies = vec!["10.0.0.5".parse().unwrap()]).await;
    let seen = async |peer: [u8; 4], noted: &str| {
        let request = kit
            .get("/api/content/echo")
            .from_address(peer)
            .header("x-forwarded-for", noted)
            .header("forwarded", "for=1.1.1.1");
        request
            .header("x-real-ip", "1.1.1.1")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .send()
            .await
            .expect(200)
            .value()
    };
    let direct = seen([203, 0, 113, 9], "1.1.1.1").await;
    assert_eq!(direct["headers"]["x-forwarded-for"], "203.0.113.9");
    for claim in ["forwarded", "x-real-ip", "x-hop", "x-nexus-caller"] {
        assert!(direct["headers"][claim].is_null(), "{claim}: {direct}");
    }
    let behind_proxy = seen([10, 0, 0, 5], "1.1.1.1, 198.51.100.7").await;
    assert_eq!(behind_proxy["headers"]["x-forwarded-for"], "198.51.100.7");
}

#[tokio::test]
async fn a_trace_and_a_request_id_of_the_client_go_on_and_others_are_made() {
    let kit = started(|_| {}).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let reply = kit
        .get("/api/content/echo")
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))
        .header("x-request-id", "client-42")
        .send()
        .await
        .expect(200);
    assert_eq!(reply.header("x-request-id"), "client-42");
    let seen = reply.value();
    assert_eq!(seen["headers"]["x-request-id"], "client-42");
    let parent = seen["headers"]["traceparent"].as_str().unwrap();
    assert!(parent.contains(trace) && !parent.contains("00f067aa0ba902b7"), "{parent}");

    let reply = kit.get("/api/content/echo").header("x-request-id", "no spaces; please").send().await.expect(200);
    assert_eq!(reply.header("x-request-id").len(), 32);
    assert_eq!(reply.value()["headers"]["x-request-id"], reply.header("x-request-id"));
}

#[tokio::test]
async fn other_services_reach_the_gateways_own_routes_without_its_limits() {
    let kit = nexus_testkit::Testkit::start_with(nexus_testkit::Backend::Sqlite, vec![gateway()], |config| {
        config.gateway.burst = 1;
    })
    .await;
    for _ in 0..3 {
        let path = format!("/internal/dead-letters?tenant={}", nexus_kernel::TenantId(uuid::Uuid::now_v7()));
        let _ = kit.get(&path).from_service("scheduler").send().await.expect(200);
    }
}
