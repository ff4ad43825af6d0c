//! What handlers take in: bodies, pages, versions.

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Request, Testkit};
use serde_json::{Value, json};

use crate::support::{Inside, service};

async fn started() -> (Testkit, String) {
    let kit = Testkit::start(Backend::Sqlite, vec![service(&Inside::default())]).await;
    let token = kit.token(&Person::new(Role::Editor));
    (kit, token)
}

fn make(kit: &Testkit, token: &str) -> Request {
    kit.post("/api/scheduler/notes").bearer(token)
}

#[tokio::test]
async fn a_body_that_breaks_rules_is_refused_with_every_field_named() {
    let (kit, token) = started().await;
    let reply = make(&kit, &token).json(json!({"text": "", "weight": 9})).send().await.expect(422);
    assert_eq!(reply.code(), "validation-failed");
    let fields: Vec<Value> =
        reply.value()["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["text", "weight"]);
    let reply = make(&kit, &token).json(json!({"text": "a".repeat(21), "weight": 1})).send().await.expect(422);
    assert_eq!(reply.value()["errors"][0]["field"], "text");
}

#[tokio::test]
async fn a_body_of_another_shape_is_refused_with_what_is_wrong() {
    let (kit, token) = started().await;
    for body in [
        json!({"text": "a"}),
        json!({"text": "a", "weight": "b"}),
        json!({"text": "a", "weight": 1, "more": 1}),
        json!([]),
    ] {
        let reply = make(&kit, &token).json(&body).send().await.expect(422);
        assert_eq!(reply.code(), "validation-failed", "{body}");
    }
    let text = |body: &'static str| make(&kit, &token).header("content-type", "application/json").bytes(body);
    for body in ["", "{", "{\"text\": \"a\", \"weight\": 1} x", "\u{0}"] {
        assert_eq!(text(body).send().await.expect(400).code(), "invalid-json", "{body:?}");
    }
    let reply = make(&kit, &token).header("content-type", "text/plain").bytes("{}").send().await.expect(415);
    assert_eq!(reply.code(), "unsupported-media-type");
    let reply = make(&kit, &token).json("a".repeat(1 << 20)).send().await.expect(413);
    assert_eq!(reply.code(), "body-too-large");
}

#[tokio::test]
async fn pages_follow_each_other_and_wrong_ones_are_refused() {
    let (kit, _) = started().await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = kit.get(&format!("/api/scheduler/list?limit=10{cursor}")).send().await.expect(200).value();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item.as_u64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..25).collect::<Vec<u64>>());
    for query in ["limit=0", "limit=201", "limit=-1", "limit=many", "cursor=%21", "cursor=gIA"] {
        assert_eq!(
            kit.get(&format!("/api/scheduler/list?{query}")).send().await.expect(400).code(),
            "invalid-page",
            "{query}"
        );
    }
}

#[tokio::test]
async fn an_update_says_which_version_it_changes() {
    let (kit, token) = started().await;
    let change = || kit.put("/api/scheduler/notes/1").bearer(&token).json(json!({"text": "a", "weight": 1}));
    assert_eq!(change().send().await.expect(428).code(), "precondition-required");
    for stale in ["\"6\"", "7", "W/\"7\"", "\"x\"", "*"] {
        assert_eq!(
            change().header("if-match", stale).send().await.expect(412).code(),
            "precondition-failed",
            "{stale}"
        );
    }
    assert_eq!(change().header("if-match", "\"7\"").send().await.expect(200).header("etag"), "\"8\"");
}
