use http::Method;
use nexus_testkit::{Backend, Reply, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, base64};

on_each_database!(
    what_a_service_seals_opens_for_it_alone,
    a_shredded_context_stays_unreadable,
    a_service_seals_through_its_context,
);

async fn column(kit: &Testkit, service: &str, what: &str, body: Value) -> Reply {
    let path = format!("/internal/columns/{what}");
    kit.request_to("key-service", Method::POST, &path).from_service(service).json(body).send().await
}

async fn seal(kit: &Testkit, service: &str, context: &str, text: &str) -> Value {
    let body = json!({"context": context, "plaintext": base64(text)});
    column(kit, service, "seal", body).await.expect(200).value()["sealed"].clone()
}

async fn open(kit: &Testkit, service: &str, context: &str, sealed: &Value) -> Reply {
    column(kit, service, "open", json!({"context": context, "sealed": sealed})).await
}

async fn what_a_service_seals_opens_for_it_alone(backend: Backend) {
    let kit = alone(backend).await;
    let sealed = seal(&kit, "token-mgr", "ada", "seed").await;
    assert_ne!(sealed, seal(&kit, "token-mgr", "ada", "seed").await);
    let opened = open(&kit, "token-mgr", "ada", &sealed).await.expect(200);
    assert_eq!(opened.value()["plaintext"], base64("seed"));
    seal(&kit, "auth-service", "ada", "other").await;
    seal(&kit, "token-mgr", "bob", "other").await;
    for (service, context) in [("auth-service", "ada"), ("token-mgr", "bob"), ("token-mgr", "nobody")] {
        assert_eq!(open(&kit, service, context, &sealed).await.expect(422).code(), "unreadable", "{service} {context}");
    }
    let mut changed = sealed.as_str().unwrap().to_owned();
    changed.pop();
    for text in [changed.as_str(), "", "nk1:", "nk1:%%", "vault:v1:AAAA"] {
        assert_eq!(open(&kit, "token-mgr", "ada", &json!(text)).await.expect(422).code(), "unreadable", "{text}");
    }
    for context in ["", &"x".repeat(257)] {
        let body = json!({"context": context, "plaintext": ""});
        let _ = column(&kit, "token-mgr", "seal", body).await.expect(400);
    }
    let large = json!({"context": "ada", "plaintext": base64(&"x".repeat((64 << 10) + 1))});
    let _ = column(&kit, "token-mgr", "seal", large).await.expect(400);
    // Nobody from outside the mesh comes here.
    let stranger = kit.request_to("key-service", Method::POST, "/internal/columns/open");
    let _ = stranger.json(json!({"context": "ada", "sealed": sealed})).send().await.expect(404);
}

async fn a_shredded_context_stays_unreadable(backend: Backend) {
    let kit = alone(backend).await;
    let (sealed, other) = (seal(&kit, "a", "ada", "x").await, seal(&kit, "a", "bob", "x").await);
    for _ in 0..2 {
        let _ = column(&kit, "a", "shred", json!({"context": "ada"})).await.expect(204);
    }
    let _ = column(&kit, "a", "shred", json!({"context": "never used"})).await.expect(204);
    for context in ["ada", "never used"] {
        assert_eq!(open(&kit, "a", context, &sealed).await.expect(410).code(), "shredded");
        let body = json!({"context": context, "plaintext": ""});
        assert_eq!(column(&kit, "a", "seal", body).await.expect(410).code(), "shredded");
    }
    let _ = open(&kit, "a", "bob", &other).await.expect(200);
    let kit = kit.restart(vec![key_service::service()]).await;
    assert_eq!(open(&kit, "a", "ada", &sealed).await.expect(410).code(), "shredded");
}

/// The kernel's own way, which other services take.
async fn a_service_seals_through_its_context(backend: Backend) {
    let kit = alone(backend).await;
    let own = kit.context("key-service").sealer().clone();
    let sealed = own.seal("ada", b"seed").await.unwrap();
    assert_eq!(own.open("ada", &sealed).await.unwrap().as_slice(), b"seed");
    assert!(own.open("bob", &sealed).await.is_err());
    own.shred("ada").await.unwrap();
    assert!(own.open("ada", &sealed).await.is_err() && own.seal("ada", b"again").await.is_err());
}
