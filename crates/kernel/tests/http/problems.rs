//! Replies that say what went wrong.

use http::Method;
use nexus_testkit::{Backend, Testkit};

use crate::support::{Inside, service};

#[tokio::test]
async fn what_no_route_answers_is_a_problem_with_a_stable_type() {
    let kit = Testkit::start(Backend::Sqlite, vec![service(&Inside::default())]).await;
    let reply = kit.get("/api/scheduler/no-such-thing").send().await.expect(404);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    let problem = reply.value();
    assert_eq!(problem["type"], "https://nexus-cos.dev/problems/not-found");
    assert_eq!((&problem["status"], &problem["code"]), (&404.into(), &"not-found".into()));
    let reply = kit.request(Method::DELETE, "/api/scheduler/list").send().await.expect(405);
    assert_eq!(reply.code(), "method-not-allowed");
}

#[tokio::test]
async fn a_path_of_the_wrong_type_is_a_problem_and_no_plain_text() {
    let kit = Testkit::start(Backend::Sqlite, vec![service(&Inside::default())]).await;
    assert_eq!(kit.get("/api/scheduler/numbers/7").send().await.expect(200).value(), 7);
    let reply = kit.get("/api/scheduler/numbers/seven").send().await.expect(400);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.code(), "invalid-request");
    assert!(reply.value()["detail"].as_str().unwrap().contains("seven"), "{}", reply.text());
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing_and_is_counted() {
    let kit = Testkit::start(Backend::Sqlite, vec![service(&Inside::default())]).await;
    let reply = kit.get("/api/scheduler/panic").send().await.expect(500);
    assert_eq!(reply.code(), "internal");
    assert!(!reply.text().contains("bug"), "{}", reply.text());
    assert_eq!(reply.header("x-request-id").len(), 32);
    let figures = kit.get("/api/scheduler/list").send().await.expect(200);
    assert_eq!(figures.value()["items"].as_array().unwrap().len(), 25, "the next request is served");
    let figures = kit.request_to("scheduler", Method::GET, "/metrics").send().await.expect(200).text();
    assert!(figures.contains(r#"route="/api/scheduler/panic",method="GET",status="5xx"} 1"#), "{figures}");
}
