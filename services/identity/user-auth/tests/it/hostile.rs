use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Testkit};
use serde_json::{Map, Value, json};

use crate::on_each_database;
use crate::support::{PASSWORD, ready, set_roles, verify};

on_each_database!(
    bodies_that_are_wrong_are_refused_by_name,
    tokens_that_are_not_ours_open_nothing,
    another_organisation_sees_and_changes_nothing,
    ids_that_are_none_name_nobody,
    verification_tokens_that_are_none_verify_nothing,
);

async fn bodies_that_are_wrong_are_refused_by_name(backend: Backend) {
    let (kit, _) = ready(backend).await;
    let good = json!({"name": "Grace", "email": "grace@example.com", "password": PASSWORD});
    let changes = [
        ("name", json!(null)),
        ("name", json!(["Grace"])),
        ("name", json!("a\u{0}b")),
        ("email", json!("grace@example.com\r\nBcc: eve@example.com")),
        ("email", json!(format!("{}@example.com", "a".repeat(300)))),
        ("password", json!(12_345_678)),
        ("password", json!("1234567")),
        ("password", json!("GRACE@example.com")),
        ("roles", json!(["owner"])),
    ];
    for (field, value) in changes {
        let mut body = good.clone();
        body[field] = value.clone();
        let refused = kit.post("/api/auth/register").json(body).send().await.expect(422);
        assert_eq!(refused.code(), "validation-failed", "{field}: {value}");
        assert!(refused.text().contains(field), "{}", refused.text());
    }
    let send = |content_type: &'static str, body: Vec<u8>| {
        kit.post("/api/auth/register").header("content-type", content_type).bytes(body).send()
    };
    assert_eq!(send("application/json", b"{\"name\":".to_vec()).await.expect(400).code(), "invalid-json");
    assert_eq!(send("application/json", vec![0xFF, 0xFE]).await.expect(400).code(), "invalid-json");
    assert_eq!(send("text/plain", b"name=Grace".to_vec()).await.expect(415).code(), "unsupported-media-type");
    let huge = format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20)).into_bytes();
    assert_eq!(send("application/json", huge).await.expect(413).code(), "body-too-large");
    let _ = kit.delete("/api/auth/register").send().await.expect(405);
}

async fn tokens_that_are_not_ours_open_nothing(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let good = kit.token(&owner);
    let _ = kit.get("/api/users/me").bearer(&good).send().await.expect(200);
    let mut parts = good.split('.');
    let (header, payload, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let with = |field: &str, value: Value| kit.token_with(&owner, Map::from_iter([(field.to_owned(), value)]));
    // {"alg":"none"}, {"alg":"none","kid":"test"} and {"alg":"HS256","kid":"test"}
    let bad = [
        format!("eyJhbGciOiJub25lIn0.{payload}."),
        format!("eyJhbGciOiJub25lIiwia2lkIjoidGVzdCJ9.{payload}."),
        format!("eyJhbGciOiJIUzI1NiIsImtpZCI6InRlc3QifQ.{payload}.{signature}"),
        format!("{header}.{payload}."),
        format!("{header}.{}.{signature}", kit.token(&Person::new(Role::Owner)).split('.').nth(1).unwrap()),
        with("aud", json!("another-cloud")),
        with("iss", json!("eve")),
        "x".repeat(10_000),
        "not.a.token".to_owned(),
        String::new(),
    ];
    for token in bad {
        let refused = kit.get("/api/users/me").bearer(&token).send().await.expect(401);
        assert_eq!(refused.code(), "invalid-token", "{token}");
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(kit.get("/api/users/me").send().await.expect(401).code(), "not-signed-in");
    let basic = kit.get("/api/users/me").header("authorization", "Basic b3duZXI6b3duZXI=").send().await.expect(401);
    assert_eq!(basic.code(), "invalid-token");
    kit.clock.advance(Duration::from_secs(301));
    assert_eq!(kit.get("/api/users/me").bearer(&good).send().await.expect(401).code(), "expired-token");
}

async fn another_organisation_sees_and_changes_nothing(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let stranger = Person::new(Role::Owner);
    // Even with the id of a person who is there: the token's organisation decides.
    let impostor = Person { user: owner.user, ..stranger.clone() };
    for person in [&stranger, &impostor] {
        let get = |path: String| kit.get(&path).bearer(kit.token(person)).send();
        let _ = get(format!("/api/users/{}", owner.user)).await.expect(404);
        let _ = get("/api/users/me".to_owned()).await.expect(404);
        assert_eq!(get("/api/users".to_owned()).await.expect(200).value()["items"], json!([]));
        assert_eq!(get("/api/users/mailbox".to_owned()).await.expect(200).value()["items"], json!([]));
        let refused = set_roles(&kit, person, &owner, 1, json!(["member"])).await;
        assert_eq!(refused.expect(403).code(), "forbidden");
        let body = json!({"current_password": PASSWORD, "new_password": "a better password"});
        let _ = kit.post("/api/users/me/password").bearer(kit.token(person)).json(body).send().await.expect(404);
        let renamed = kit.patch("/api/users/me").bearer(kit.token(person)).header("if-match", "\"1\"");
        let _ = renamed.json(json!({"name": "Eve"})).send().await.expect(404);
    }
    let me = kit.get("/api/users/me").bearer(kit.token(&owner)).send().await.expect(200).value();
    assert_eq!((me["name"].as_str(), me["version"].as_i64()), (Some("Ada"), Some(1)));
}

async fn ids_that_are_none_name_nobody(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    for id in ["0", "%00", "..%2F", "' OR 1=1 --".replace(' ', "%20").as_str(), "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11"]
    {
        assert_eq!(get_user(&kit, &owner, id).await.expect(404).code(), "not-found", "{id}");
    }
    for roles in [json!([]), json!(["emperor"]), json!("owner"), json!(vec!["member"; 5])] {
        let refused = set_roles(&kit, &owner, &owner, 1, roles.clone()).await.expect(422);
        assert_eq!(refused.code(), "validation-failed", "{roles}");
    }
    let nobody = Person::of(owner.tenant, Role::Member);
    let _ = set_roles(&kit, &owner, &nobody, 1, json!(["member"])).await.expect(404);
}

async fn get_user(kit: &Testkit, who: &Person, id: &str) -> nexus_testkit::Reply {
    kit.get(&format!("/api/users/{id}")).bearer(kit.token(who)).send().await
}

async fn verification_tokens_that_are_none_verify_nothing(backend: Backend) {
    let (kit, _) = ready(backend).await;
    for token in ["", "x", &"A".repeat(43), &"A".repeat(100_000), "%' OR '1'='1", "ä".repeat(43).as_str()] {
        assert_eq!(verify(&kit, token).await.expect(403).code(), "verification-link-invalid");
    }
    for body in [json!({}), json!({"token": 1}), json!({"token": null}), json!({"token": "x", "user": "y"}), json!([])]
    {
        let refused = kit.post("/api/auth/verify").json(&body).send().await.expect(422);
        assert_eq!(refused.code(), "validation-failed", "{body}");
    }
}
