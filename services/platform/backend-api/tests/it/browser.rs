//! What browsers are told: pages of other sites, and what to forbid.

use http::Method;

use crate::support::started;

const SITE: &str = "https://shop.example";

#[tokio::test]
async fn a_listed_site_may_ask_and_read() {
    let kit = started(|config| config.gateway.cors_origins = vec![SITE.to_owned()]).await;
    let preflight = kit
        .request(Method::OPTIONS, "/api/scheduler/tasks")
        .header("origin", SITE)
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization, upload-offset");
    let reply = preflight.send().await.expect(204);
    assert_eq!(reply.header("access-control-allow-origin"), SITE);
    assert_eq!(reply.header("access-control-allow-headers"), "authorization, upload-offset");
    assert!(reply.header("access-control-allow-methods").contains("PATCH"));
    let reply = kit.get("/api/content/echo").header("origin", SITE).send().await.expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), SITE);
    assert!(reply.header("access-control-expose-headers").contains("Upload-Offset"));
    // A refusal can be read too, or the page could not tell why.
    let reply = kit.get("/api/scheduler/tasks").header("origin", SITE).send().await.expect(401);
    assert_eq!(reply.header("access-control-allow-origin"), SITE);
}

#[tokio::test]
async fn a_site_that_is_not_listed_gets_no_permission() {
    let kit = started(|config| config.gateway.cors_origins = vec![SITE.to_owned()]).await;
    for origin in ["https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"] {
        let preflight = kit
            .request(Method::OPTIONS, "/api/content/echo")
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let reply = preflight.send().await.expect(204);
        assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
        assert_eq!(reply.header("access-control-allow-methods"), "", "{origin}");
        let reply = kit.get("/api/content/echo").header("origin", origin).send().await.expect(200);
        assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
        let vary = reply.headers.get_all("vary").iter().any(|value| value == "origin");
        assert!(vary, "caches must keep the reply apart");
    }
}

#[tokio::test]
async fn every_reply_forbids_what_pages_do_not_need() {
    let kit = started(|_| {}).await;
    for (path, status) in
        [("/", 503), ("/api/content/echo", 200), ("/api/scheduler/tasks", 401), ("/api/%2e%2e/x", 400)]
    {
        let reply = kit.get(path).send().await.expect(status);
        let policy = reply.header("content-security-policy");
        for rule in [
            "default-src 'self'",
            "media-src 'self' blob:",
            "worker-src 'self' blob:",
            "frame-ancestors 'none'",
            "script-src 'self';",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(reply.header("strict-transport-security"), "", "{path}: people come without TLS");
    }
}

#[tokio::test]
async fn where_people_come_by_tls_browsers_are_told_to_stay_with_it() {
    let kit = started(|config| config.public_url = "https://cloud.example".to_owned()).await;
    assert!(kit.get("/api/content/echo").send().await.header("strict-transport-security").starts_with("max-age="));
}
