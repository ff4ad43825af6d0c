use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, ask, data, decrypt, encrypt, errors, get, post, text, with_key};

on_each_database!(
    a_key_is_made_shown_and_listed,
    a_rotated_key_opens_what_its_older_versions_encrypted,
    old_versions_are_closed_and_then_forgotten,
    a_key_is_deleted_only_when_it_may_be,
    a_key_leaves_only_when_it_may,
    a_key_rotates_by_itself,
    who_may_use_a_key_is_the_keys_own,
);

async fn a_key_is_made_shown_and_listed(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let made = data(&post(&kit, &person, "transit/keys/mac", json!({"type": "hmac", "exportable": "true"})).await);
    assert_eq!((&made["type"], &made["exportable"]), (&json!("hmac"), &json!(true)));
    let shown = data(&get(&kit, &person, "transit/keys/orders").await);
    assert_eq!((&shown["type"], &shown["latest_version"]), (&json!("aes256-gcm96"), &json!(1)));
    assert_eq!(shown["keys"]["1"], kit.now().as_seconds());
    for (method, path) in [("LIST", "transit/keys"), ("GET", "transit/keys?list=true"), ("LIST", "transit/keys/")] {
        let listed = data(&ask(&kit, &person, method, path, Value::Null).await);
        assert_eq!(listed["keys"], json!(["mac", "orders"]), "{method} {path}");
    }
    // Made again, it stays as it is.
    let again = data(&post(&kit, &person, "transit/keys/orders", json!({"type": "hmac"})).await);
    assert_eq!(again["type"], "aes256-gcm96");
    for (method, path, status) in [("LIST", "transit/keys/orders", 405), ("GET", "transit/sign/orders", 404)] {
        assert!(!errors(&ask(&kit, &person, method, path, Value::Null).await, status).is_empty(), "{method} {path}");
    }
}

async fn a_rotated_key_opens_what_its_older_versions_encrypted(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let first = encrypt(&kit, &person, "orders", "one").await;
    assert_eq!(data(&post(&kit, &person, "transit/keys/orders/rotate", Value::Null).await)["latest_version"], 2);
    let second = encrypt(&kit, &person, "orders", "two").await;
    assert!(first.starts_with("vault:v1:") && second.starts_with("vault:v2:"), "{first} {second}");
    assert_eq!(text(&decrypt(&kit, &person, "orders", &first).await), "one");
    let rewrapped = data(&post(&kit, &person, "transit/rewrap/orders", json!({"ciphertext": first})).await);
    assert_eq!(rewrapped["key_version"], 2);
    let rewrapped = rewrapped["ciphertext"].as_str().unwrap();
    assert_eq!(text(&decrypt(&kit, &person, "orders", rewrapped).await), "one");
}

async fn old_versions_are_closed_and_then_forgotten(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let first = encrypt(&kit, &person, "orders", "one").await;
    for _ in 0..2 {
        data(&post(&kit, &person, "transit/keys/orders/rotate", Value::Null).await);
    }
    let config = "transit/keys/orders/config";
    data(&post(&kit, &person, config, json!({"min_decryption_version": 2})).await);
    let closed = decrypt(&kit, &person, "orders", &first).await;
    assert_eq!(errors(&closed, 400), "ciphertext or signature version is disallowed by policy (too old)");
    data(&post(&kit, &person, config, json!({"min_decryption_version": 1})).await);
    assert_eq!(text(&decrypt(&kit, &person, "orders", &first).await), "one");
    let too_new = json!({"min_encryption_version": "4"});
    assert!(errors(&post(&kit, &person, config, too_new).await, 400).contains("latest key version is 3"));
    data(&post(&kit, &person, config, json!({"min_decryption_version": 2, "min_encryption_version": "3"})).await);
    let trimmed = data(&post(&kit, &person, "transit/keys/orders/trim", json!({"min_available_version": 2})).await);
    assert_eq!(trimmed["keys"].as_object().unwrap().keys().collect::<Vec<_>>(), ["2", "3"]);
    let back = post(&kit, &person, config, json!({"min_decryption_version": 1})).await;
    assert!(errors(&back, 400).contains("minimum available version"));
}

async fn a_key_is_deleted_only_when_it_may_be(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let sealed = encrypt(&kit, &person, "orders", "gone").await;
    let kept = ask(&kit, &person, "DELETE", "transit/keys/orders", Value::Null).await;
    assert!(errors(&kept, 400).contains("deletion is not allowed for this key"));
    data(&post(&kit, &person, "transit/keys/orders/config", json!({"deletion_allowed": true})).await);
    let _ = ask(&kit, &person, "DELETE", "transit/keys/orders", Value::Null).await.expect(204);
    assert_eq!(errors(&get(&kit, &person, "transit/keys/orders").await, 404), "");
    assert_eq!(errors(&decrypt(&kit, &person, "orders", &sealed).await, 400), "encryption key not found");
    // Another key of the same name is another key.
    data(&post(&kit, &person, "transit/keys/orders", Value::Null).await);
    assert!(errors(&decrypt(&kit, &person, "orders", &sealed).await, 400).contains("authentication failed"));
}

async fn a_key_leaves_only_when_it_may(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "kept", Value::Null).await;
    assert!(errors(&get(&kit, &person, "transit/export/encryption-key/kept").await, 400).contains("not exportable"));
    data(&post(&kit, &person, "transit/keys/loose", json!({"exportable": true})).await);
    data(&post(&kit, &person, "transit/keys/loose/rotate", Value::Null).await);
    let all = data(&get(&kit, &person, "transit/export/encryption-key/loose").await);
    assert_eq!(all["keys"].as_object().unwrap().len(), 2);
    assert_eq!(all["keys"]["1"].as_str().unwrap().len(), 44);
    let latest = data(&get(&kit, &person, "transit/export/encryption-key/loose/latest").await);
    assert_eq!(latest["keys"], json!({"2": all["keys"]["2"]}));
    let hmac = data(&get(&kit, &person, "transit/export/hmac-key/loose/1").await);
    assert_ne!(hmac["keys"]["1"], all["keys"]["1"]);
    let back = post(&kit, &person, "transit/keys/loose/config", json!({"exportable": false})).await;
    assert!(errors(&back, 400).contains("stays exportable"));
}

async fn a_key_rotates_by_itself(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", json!({"auto_rotate_period": "2h"})).await;
    let sealed = encrypt(&kit, &person, "orders", "one").await;
    kit.clock.advance(Duration::from_secs(7_199));
    kit.context("key-service").wake("rotate-keys");
    assert_eq!(data(&get(&kit, &person, "transit/keys/orders").await)["latest_version"], 1);
    kit.clock.advance(Duration::from_secs(1));
    eventually("the key is rotated", async || {
        kit.context("key-service").wake("rotate-keys");
        (data(&get(&kit, &person, "transit/keys/orders").await)["latest_version"] == 2).then_some(())
    })
    .await;
    assert_eq!(text(&decrypt(&kit, &person, "orders", &sealed).await), "one");
    let often = post(&kit, &person, "transit/keys/orders/config", json!({"auto_rotate_period": "30m"})).await;
    assert!(errors(&often, 400).contains("at least an hour"));
}

async fn who_may_use_a_key_is_the_keys_own(backend: Backend) {
    let kit = alone(backend).await;
    let editor = with_key(&kit, "open", Value::Null).await;
    let colleague = |role| Person::of(editor.tenant, role);
    let (member, other_editor) = (colleague(Role::Member), colleague(Role::Editor));
    let (admin, owner) = (colleague(Role::Admin), colleague(Role::Owner));
    data(&post(&kit, &editor, "transit/keys/desk", json!({"usable_by": "editor"})).await);
    data(&post(&kit, &owner, "transit/keys/vault", json!({"usable_by": "owner"})).await);
    let may = async |who: &Person, key: &str| {
        let body = json!({"plaintext": "aGk="});
        post(&kit, who, &format!("transit/encrypt/{key}"), body).await.status.as_u16() == 200
    };
    for (key, allowed) in
        [("open", [true; 4]), ("desk", [false, true, true, true]), ("vault", [false, false, false, true])]
    {
        for (who, allowed) in [&member, &other_editor, &admin, &owner].into_iter().zip(allowed) {
            assert_eq!(may(who, key).await, allowed, "{key} {:?}", who.role);
        }
    }
    // Managing is the maker's and the admins'.
    for (who, status) in [(&member, 403), (&other_editor, 403), (&editor, 200), (&admin, 200)] {
        let reply = post(&kit, who, "transit/keys/open/rotate", Value::Null).await;
        assert_eq!(reply.status.as_u16(), status, "{:?}", who.role);
    }
    let _ = post(&kit, &member, "transit/keys/mine", Value::Null).await.expect(403);
    let _ = post(&kit, &admin, "transit/keys/high", json!({"usable_by": "owner"})).await.expect(403);
    let _ = post(&kit, &admin, "transit/keys/open/config", json!({"usable_by": "owner"})).await.expect(403);
}
