//! What the tests have in common: people who speak to key-service as Vault's clients do.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::{Value, json};

/// key-service alone.
pub(crate) async fn alone(backend: Backend) -> Testkit {
    Testkit::start(backend, vec![key_service::service()]).await
}

/// Asks below `/api/keys/v1`.
pub(crate) async fn ask(kit: &Testkit, who: &Person, method: &str, path: &str, body: Value) -> Reply {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = kit.request(method, &format!("/api/keys/v1/{path}")).bearer(kit.token(who));
    if body.is_null() { request.send().await } else { request.json(body).send().await }
}

pub(crate) async fn get(kit: &Testkit, who: &Person, path: &str) -> Reply {
    ask(kit, who, "GET", path, Value::Null).await
}

pub(crate) async fn post(kit: &Testkit, who: &Person, path: &str, body: Value) -> Reply {
    ask(kit, who, "POST", path, body).await
}

/// The data of a reply that must be good.
#[track_caller]
pub(crate) fn data(reply: &Reply) -> Value {
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), "no-store");
    reply.value()["data"].clone()
}

/// The texts of a refusal.
#[track_caller]
pub(crate) fn errors(reply: &Reply, status: u16) -> String {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text());
    let errors = reply.value()["errors"].as_array().unwrap().clone();
    errors.iter().filter_map(|error| error.as_str()).collect::<Vec<_>>().join("; ")
}

pub(crate) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// An editor with a key of this name.
pub(crate) async fn with_key(kit: &Testkit, name: &str, body: Value) -> Person {
    let editor = Person::new(Role::Editor);
    data(&post(kit, &editor, &format!("transit/keys/{name}"), body).await);
    editor
}

/// Encrypts a text.
pub(crate) async fn encrypt(kit: &Testkit, who: &Person, key: &str, text: &str) -> String {
    let reply = post(kit, who, &format!("transit/encrypt/{key}"), json!({"plaintext": base64(text)})).await;
    data(&reply)["ciphertext"].as_str().unwrap().to_owned()
}

/// Asks to decrypt.
pub(crate) async fn decrypt(kit: &Testkit, who: &Person, key: &str, ciphertext: &str) -> Reply {
    post(kit, who, &format!("transit/decrypt/{key}"), json!({"ciphertext": ciphertext})).await
}

/// What a decryption gave.
#[track_caller]
pub(crate) fn text(reply: &Reply) -> String {
    let plaintext = data(reply)["plaintext"].as_str().unwrap().to_owned();
    String::from_utf8(STANDARD.decode(plaintext).unwrap()).unwrap()
}
