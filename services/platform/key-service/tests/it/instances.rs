//! Two instances on one database.

use std::sync::Arc;

use http::Method;
use nexus_kernel::Role;
use nexus_kernel::events::LocalCarrier;
use nexus_testkit::{Backend, Person, Testkit, eventually};
use serde_json::{Value, json};

use crate::support::{ask, base64, data, decrypt, encrypt, post, text, with_key};

async fn two() -> (Testkit, Testkit) {
    let carrier = Arc::new(LocalCarrier::new());
    let one =
        Testkit::start_carried_by(Backend::Postgres, Arc::clone(&carrier) as _, vec![key_service::service()]).await;
    let other = one.another(carrier, vec![key_service::service()]).await;
    (one, other)
}

#[tokio::test]
async fn what_one_instance_encrypts_the_other_decrypts_after_both_rotated() {
    let (one, other) = two().await;
    let person = with_key(&one, "orders", Value::Null).await;
    let first = encrypt(&one, &person, "orders", "one").await;
    assert_eq!(text(&decrypt(&other, &person, "orders", &first).await), "one");
    let owner = Person::of(person.tenant, Role::Owner);
    let _ = ask(&one, &owner, "PUT", "sys/rotate", Value::Null).await.expect(204);
    data(&post(&one, &person, "transit/keys/orders/rotate", Value::Null).await);
    data(&post(&one, &person, "transit/keys/later", Value::Null).await);
    let second = encrypt(&one, &person, "orders", "two").await;
    let later = encrypt(&one, &person, "later", "three").await;
    // A key under a root that the other instance has not read yet.
    assert_eq!(text(&decrypt(&other, &person, "later", &later).await), "three");
    eventually("the other instance has heard of the new version", async || {
        (decrypt(&other, &person, "orders", &second).await.status.as_u16() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_that_one_instance_deletes_is_gone_at_the_other() {
    let (one, other) = two().await;
    let person = with_key(&one, "orders", Value::Null).await;
    let sealed = encrypt(&other, &person, "orders", "x").await;
    data(&post(&one, &person, "transit/keys/orders/config", json!({"deletion_allowed": true})).await);
    let _ = ask(&one, &person, "DELETE", "transit/keys/orders", Value::Null).await.expect(204);
    eventually("the other instance has heard of it", async || {
        (decrypt(&other, &person, "orders", &sealed).await.status.as_u16() == 400).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_context_that_one_instance_shreds_is_unreadable_at_the_other() {
    let (one, other) = two().await;
    let ask = async |kit: &Testkit, what: &str, body: Value| {
        let path = format!("/internal/columns/{what}");
        kit.request_to("key-service", Method::POST, &path).from_service("a").json(body).send().await
    };
    let body = json!({"context": "ada", "plaintext": base64("x")});
    let sealed = ask(&one, "seal", body.clone()).await.expect(200).value()["sealed"].clone();
    let open = json!({"context": "ada", "sealed": sealed});
    let _ = ask(&other, "open", open.clone()).await.expect(200);
    let _ = ask(&one, "shred", json!({"context": "ada"})).await.expect(204);
    eventually("the other instance has heard of it", async || {
        (ask(&other, "open", open.clone()).await.status.as_u16() == 410).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_first_uses_at_once_make_one_key() {
    let (one, other) = two().await;
    let seal = async |kit: &Testkit| {
        let body = json!({"context": "ada", "plaintext": base64("x")});
        let request = kit.request_to("key-service", Method::POST, "/internal/columns/seal").from_service("a");
        request.json(body).send().await.expect(200).value()["sealed"].clone()
    };
    let (first, second) = tokio::join!(seal(&one), seal(&other));
    for (kit, sealed) in [(&one, second), (&other, first)] {
        let request = kit.request_to("key-service", Method::POST, "/internal/columns/open").from_service("a");
        let _ = request.json(json!({"context": "ada", "sealed": sealed})).send().await.expect(200);
    }
}

#[tokio::test]
async fn sealing_one_instance_seals_the_other() {
    let (one, other) = two().await;
    let person = with_key(&one, "orders", Value::Null).await;
    let sealed = encrypt(&other, &person, "orders", "x").await;
    let owner = Person::of(person.tenant, Role::Owner);
    let _ = ask(&one, &owner, "PUT", "sys/seal", Value::Null).await.expect(204);
    eventually("the other instance is sealed too", async || {
        (decrypt(&other, &person, "orders", &sealed).await.status.as_u16() == 503).then_some(())
    })
    .await;
}
