use http::Method;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};
use serde_json::{Map, Value, json};

use crate::on_each_database;
use crate::support::{alone, ask, data, decrypt, encrypt, errors, get, post, with_key};

on_each_database!(
    another_organisations_keys_and_secrets_are_not_there,
    without_a_good_token_nothing_is_done,
    a_ciphertext_that_was_changed_opens_nothing,
    names_and_paths_that_are_none_are_refused,
    bodies_of_all_kinds_are_read_or_refused,
    nothing_that_is_stored_is_readable,
);

async fn another_organisations_keys_and_secrets_are_not_there(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", json!({"exportable": true})).await;
    let sealed = encrypt(&kit, &person, "orders", "x").await;
    let admin = Person::of(person.tenant, Role::Admin);
    data(&post(&kit, &admin, "secret/data/shared/a", json!({"data": {"x": 1}})).await);
    let stranger = Person::new(Role::Owner);
    // The same person's id in another organisation is another person.
    let impostor = Person { tenant: stranger.tenant, ..person.clone() };
    for other in [&stranger, &impostor] {
        for path in [
            "transit/keys/orders",
            "transit/export/encryption-key/orders",
            "secret/data/shared/a",
            "secret/metadata/shared/a",
        ] {
            assert_eq!(errors(&get(&kit, other, path).await, 404), "", "{path}");
        }
        assert_eq!(errors(&decrypt(&kit, other, "orders", &sealed).await, 400), "encryption key not found");
        for (method, path) in [
            ("DELETE", "transit/keys/orders"),
            ("DELETE", "secret/data/shared/a"),
            ("POST", "transit/keys/orders/rotate"),
        ] {
            let _ = ask(&kit, other, method, path, Value::Null).await.expect(404);
        }
        for path in ["transit/keys", "secret/metadata/shared"] {
            assert_eq!(errors(&ask(&kit, other, "LIST", path, Value::Null).await, 404), "", "{path}");
        }
    }
    // A key of the same name there is another key.
    let theirs = Person::of(stranger.tenant, Role::Editor);
    data(&post(&kit, &theirs, "transit/keys/orders", Value::Null).await);
    assert!(errors(&decrypt(&kit, &theirs, "orders", &sealed).await, 400).contains("authentication failed"));
}

async fn without_a_good_token_nothing_is_done(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let audience = Map::from_iter([("aud".to_owned(), json!("another-cloud"))]);
    let wrong = kit.token_with(&person, audience);
    for (method, path) in [
        ("GET", "transit/keys/orders"),
        ("LIST", "transit/keys"),
        ("POST", "transit/encrypt/orders"),
        ("POST", "transit/random"),
        ("GET", "secret/data/a"),
        ("PUT", "sys/seal"),
        ("PUT", "sys/rotate"),
        ("GET", "sys/mounts"),
        ("POST", "sys/capabilities-self"),
        ("GET", "auth/token/lookup-self"),
    ] {
        let request = || kit.request(Method::from_bytes(method.as_bytes()).unwrap(), &format!("/api/keys/v1/{path}"));
        for refused in
            [request().send().await, request().bearer(&wrong).send().await, request().bearer("x").send().await]
        {
            assert!(!errors(&refused, 401).is_empty(), "{method} {path}");
            assert!(refused.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
        }
    }
    assert_eq!(kit.get("/api/keys/audit").send().await.expect(401).code(), "not-signed-in");
}

async fn a_ciphertext_that_was_changed_opens_nothing(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    data(&post(&kit, &person, "transit/keys/other", Value::Null).await);
    data(&post(&kit, &person, "transit/keys/orders/rotate", Value::Null).await);
    let sealed = encrypt(&kit, &person, "orders", "some text").await;
    let body = sealed.strip_prefix("vault:v2:").unwrap();
    let mut flipped = body.to_owned();
    let first = if flipped.starts_with('A') { "B" } else { "A" };
    flipped.replace_range(..1, first);
    for text in [
        format!("vault:v1:{body}"),
        format!("vault:v3:{body}"),
        format!("vault:v2:{flipped}"),
        format!("vault:v2:{}", &body[..body.len() - 4]),
        "vault:v2:".to_owned(),
        body.to_owned(),
        String::new(),
        "vault:v99999999999:AAAA".to_owned(),
    ] {
        assert!(!errors(&decrypt(&kit, &person, "orders", &text).await, 400).is_empty(), "{text}");
    }
    assert!(
        errors(&decrypt(&kit, &person, "other", &format!("vault:v1:{body}")).await, 400).contains("authentication")
    );
}

async fn names_and_paths_that_are_none_are_refused(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    for name in ["%20", "a%20b", "%00", "..%2Fx", "%27%20OR%201=1", ".hidden", &"n".repeat(129), "%E2%82%AC"] {
        let refused = post(&kit, &owner, &format!("transit/keys/{name}"), Value::Null).await;
        assert!(errors(&refused, 400).contains("a key's name"), "{name}");
    }
    for path in ["a//b", "a/../b", "./a", "a/%0a", "a/", &"p".repeat(600), &"a/".repeat(40)] {
        let refused = post(&kit, &owner, &format!("secret/data/{path}"), json!({"data": {}})).await;
        assert!(errors(&refused, 400).contains("a path has"), "{path}");
    }
    for path in ["transit/keys/none", "transit/keys/none/rotate", "secret/data/none"] {
        let method = if path.ends_with("rotate") { "POST" } else { "GET" };
        assert_eq!(errors(&ask(&kit, &owner, method, path, Value::Null).await, 404), "", "{path}");
    }
}

async fn bodies_of_all_kinds_are_read_or_refused(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let send = async |body: &str| {
        let request = kit.post("/api/keys/v1/transit/encrypt/orders").bearer(kit.token(&person));
        request.header("content-type", "application/x-www-form-urlencoded").bytes(body.to_owned()).send().await
    };
    data(&send(r#"{"plaintext": "aGk="}"#).await);
    for body in [
        "",
        "[]",
        "{",
        "null",
        "\u{0}",
        r#"{"plaintext": 5}"#,
        r#"{"plaintext": "%%%"}"#,
        r#"{"plaintext": "aGk=", "key_version": -1}"#,
        r#"{"plaintext": "aGk=", "key_version": 2}"#,
        r#"{"plaintext": "aGk=", "associated_data": "!"}"#,
        r#"{"batch_input": "x"}"#,
        r#"{"batch_input": [1]}"#,
        &"[".repeat(100_000),
    ] {
        assert!(!errors(&send(body).await, 400).is_empty(), "{body:.40}");
    }
    let _ = send(&format!(r#"{{"plaintext": "{}"}}"#, "A".repeat(2 << 20))).await.expect(413);
    let _ = post(&kit, &person, "transit/keys/b", json!({"type": "rsa-4096"})).await.expect(400);
    let _ = post(&kit, &person, "transit/keys/b", json!({"allow_plaintext_backup": true})).await.expect(400);
    let _ = post(&kit, &person, "transit/keys/b", json!({"auto_rotate_period": "-1s"})).await.expect(400);
}

async fn nothing_that_is_stored_is_readable(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", json!({"exportable": true})).await;
    let admin = Person::of(person.tenant, Role::Admin);
    data(&post(&kit, &admin, "secret/data/db", json!({"data": {"password": "correct horse battery"}})).await);
    let exported = data(&get(&kit, &admin, "transit/export/encryption-key/orders").await)["keys"]["1"].clone();
    let key = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, exported.as_str().unwrap()).unwrap();
    let mut store = kit.context("key-service").store.read(nexus_kernel::store::Scope::System);
    for (table, column) in
        [("transit_key_versions", "material"), ("secret_versions", "value"), ("root_keys", "wrapped")]
    {
        let sql = format!("SELECT {column} FROM {table}");
        let rows: Vec<nexus_kernel::store::Scalar<Vec<u8>>> =
            nexus_kernel::store::Query::query(&mut store, &sql, Vec::new()).await.unwrap();
        assert!(!rows.is_empty(), "{table}");
        for nexus_kernel::store::Scalar(stored) in rows {
            let has = |part: &[u8]| stored.windows(part.len()).any(|window| window == part);
            assert!(!has(&key) && !has(b"correct") && !has(b"password"), "{table}");
        }
    }
}
