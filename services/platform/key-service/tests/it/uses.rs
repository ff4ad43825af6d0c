use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, base64, data, decrypt, encrypt, errors, post, text, with_key};

on_each_database!(
    what_is_encrypted_is_decrypted,
    many_inputs_are_worked_on_in_one_request,
    a_derived_key_needs_its_context,
    the_same_text_is_the_same_ciphertext_only_in_a_convergent_key,
    what_was_told_to_encrypt_must_be_told_to_decrypt,
    a_data_key_is_shown_or_not,
    an_authentication_code_is_its_inputs_alone,
);

async fn what_is_encrypted_is_decrypted(backend: Backend) {
    let kit = alone(backend).await;
    for kind in ["aes256-gcm96", "chacha20-poly1305"] {
        let person = with_key(&kit, "orders", json!({"type": kind})).await;
        for plain in ["", "hello", &"long ".repeat(10_000)] {
            let sealed = encrypt(&kit, &person, "orders", plain).await;
            assert_eq!(text(&decrypt(&kit, &person, "orders", &sealed).await), plain);
        }
        let (first, second) =
            (encrypt(&kit, &person, "orders", "same").await, encrypt(&kit, &person, "orders", "same").await);
        assert_ne!(first, second);
    }
    let person = with_key(&kit, "mac", json!({"type": "hmac"})).await;
    let refused = post(&kit, &person, "transit/encrypt/mac", json!({"plaintext": ""})).await;
    assert!(errors(&refused, 400).contains("does not encrypt"));
}

async fn many_inputs_are_worked_on_in_one_request(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let inputs: Vec<Value> =
        (0..50).map(|n| json!({"plaintext": base64(&n.to_string()), "reference": n.to_string()})).collect();
    let sealed = data(&post(&kit, &person, "transit/encrypt/orders", json!({"batch_input": inputs})).await);
    let sealed = sealed["batch_results"].as_array().unwrap();
    assert_eq!((sealed.len(), &sealed[7]["reference"], &sealed[7]["key_version"]), (50, &json!("7"), &json!(1)));
    let mut inputs: Vec<Value> = sealed.iter().map(|one| json!({"ciphertext": one["ciphertext"]})).collect();
    let opened = data(&post(&kit, &person, "transit/decrypt/orders", json!({"batch_input": inputs})).await);
    assert_eq!(opened["batch_results"][49]["plaintext"], base64("49"));
    inputs[3] = json!({"ciphertext": "vault:v1:AAAA"});
    let partly = post(&kit, &person, "transit/decrypt/orders", json!({"batch_input": inputs})).await.expect(400);
    let results = partly.value()["data"]["batch_results"].clone();
    assert!(results[3]["error"].is_string() && results[4]["plaintext"] == base64("4"), "{results}");
    let body = json!({"batch_input": inputs, "partial_failure_response_code": "200"});
    let _ = post(&kit, &person, "transit/decrypt/orders", body).await.expect(200);
    assert!(
        errors(&post(&kit, &person, "transit/encrypt/orders", json!({"batch_input": []})).await, 400).contains("1 to")
    );
}

async fn a_derived_key_needs_its_context(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "rows", json!({"derived": true})).await;
    let without = post(&kit, &person, "transit/encrypt/rows", json!({"plaintext": base64("x")})).await;
    assert!(errors(&without, 400).contains("missing 'context'"));
    let body = json!({"plaintext": base64("x"), "context": base64("row 1")});
    let sealed = data(&post(&kit, &person, "transit/encrypt/rows", body).await)["ciphertext"].clone();
    let open = async |context: &str| {
        post(&kit, &person, "transit/decrypt/rows", json!({"ciphertext": sealed, "context": base64(context)})).await
    };
    assert_eq!(text(&open("row 1").await), "x");
    assert!(errors(&open("row 2").await, 400).contains("authentication failed"));
}

async fn the_same_text_is_the_same_ciphertext_only_in_a_convergent_key(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "index", json!({"derived": true, "convergent_encryption": true})).await;
    let seal = async |plain: &str, context: &str, told: &str| {
        let body = json!({"plaintext": base64(plain), "context": base64(context), "associated_data": base64(told)});
        data(&post(&kit, &person, "transit/encrypt/index", body).await)["ciphertext"].as_str().unwrap().to_owned()
    };
    let nonce = |sealed: &str| sealed["vault:v1:".len()..][..16].to_owned();
    let first = seal("ada", "email", "").await;
    assert_eq!(first, seal("ada", "email", "").await);
    for other in [seal("bob", "email", "").await, seal("ada", "name", "").await, seal("ada", "email", "x").await] {
        // Never the same nonce for anything that is not the same in all.
        assert_ne!(nonce(&first), nonce(&other));
    }
    let body = json!({"ciphertext": first, "context": base64("email")});
    assert_eq!(text(&post(&kit, &person, "transit/decrypt/index", body).await), "ada");
    let refused = post(&kit, &person, "transit/keys/wrong", json!({"convergent_encryption": true})).await;
    assert!(errors(&refused, 400).contains("requires derivation"));
}

async fn what_was_told_to_encrypt_must_be_told_to_decrypt(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let body = json!({"plaintext": base64("x"), "associated_data": base64("row 1")});
    let sealed = data(&post(&kit, &person, "transit/encrypt/orders", body).await)["ciphertext"].clone();
    let told = json!({"ciphertext": sealed, "associated_data": base64("row 1")});
    assert_eq!(text(&post(&kit, &person, "transit/decrypt/orders", told.clone()).await), "x");
    assert!(errors(&decrypt(&kit, &person, "orders", sealed.as_str().unwrap()).await, 400).contains("authentication"));
    data(&post(&kit, &person, "transit/keys/orders/rotate", Value::Null).await);
    let rewrapped = data(&post(&kit, &person, "transit/rewrap/orders", told).await)["ciphertext"].clone();
    let told = json!({"ciphertext": rewrapped, "associated_data": base64("row 1")});
    assert_eq!(text(&post(&kit, &person, "transit/decrypt/orders", told).await), "x");
}

async fn a_data_key_is_shown_or_not(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let shown = data(&post(&kit, &person, "transit/datakey/plaintext/orders", json!({"bits": 512})).await);
    let opened = data(&decrypt(&kit, &person, "orders", shown["ciphertext"].as_str().unwrap()).await);
    assert_eq!((&opened["plaintext"], shown["plaintext"].as_str().unwrap().len()), (&shown["plaintext"], 88));
    let wrapped = data(&post(&kit, &person, "transit/datakey/wrapped/orders", Value::Null).await);
    assert!(wrapped["plaintext"].is_null() && wrapped["ciphertext"].is_string(), "{wrapped}");
    for (path, body) in [("plaintext", json!({"bits": 100})), ("other", Value::Null)] {
        let _ = post(&kit, &person, &format!("transit/datakey/{path}/orders"), body).await.expect(400);
    }
}

async fn an_authentication_code_is_its_inputs_alone(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let member = Person::of(person.tenant, Role::Member);
    let code = data(&post(&kit, &person, "transit/hmac/orders", json!({"input": base64("x")})).await)["hmac"].clone();
    let verify = async |path: &str, body: Value| data(&post(&kit, &member, path, body).await)["valid"].clone();
    assert_eq!(verify("transit/verify/orders", json!({"input": base64("x"), "hmac": code})).await, true);
    assert_eq!(verify("transit/verify/orders", json!({"input": base64("y"), "hmac": code})).await, false);
    assert_eq!(verify("transit/verify/orders/sha2-512", json!({"input": base64("x"), "hmac": code})).await, false);
    let long = data(&post(&kit, &person, "transit/hmac/orders/sha2-512", json!({"input": base64("x")})).await);
    let body = json!({"input": base64("x"), "hmac": long["hmac"], "algorithm": "sha2-512"});
    assert_eq!(verify("transit/verify/orders", body).await, true);
    data(&post(&kit, &person, "transit/keys/orders/rotate", Value::Null).await);
    assert_eq!(verify("transit/verify/orders", json!({"input": base64("x"), "hmac": code})).await, true);
    assert!(errors(&post(&kit, &person, "transit/hmac/orders/md5", json!({"input": ""})).await, 400).contains("md5"));
}
