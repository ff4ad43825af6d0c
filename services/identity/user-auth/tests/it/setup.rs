use nexus_testkit::Backend;
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{OWNER, PASSWORD, bare, outcome, set_up, setup_link};

on_each_database!(
    set_up_makes_the_owner_once,
    without_the_link_there_is_no_way_in,
    two_people_with_the_link_make_one_owner,
    the_link_is_for_the_program_that_prints_it,
    set_up_takes_no_bad_input,
);

fn body(token: &Value, email: &str) -> Value {
    json!({"token": token, "organisation": " Engines ", "name": "Ada", "email": email, "password": PASSWORD})
}

async fn set_up_makes_the_owner_once(backend: Backend) {
    let kit = bare(backend).await;
    assert_eq!(kit.get("/api/users/setup").send().await.expect(200).value(), json!({"needed": true}));
    let link = setup_link(&kit).await;
    assert_eq!(link["needed"], true);

    let made = kit.post("/api/users/setup").json(body(&link["token"], "  Owner@Example.com")).send().await.expect(201);
    assert_eq!(made.header("etag"), "\"1\"");
    let profile = made.value();
    assert_eq!(profile["email"], OWNER);
    assert_eq!(profile["organisation"], "Engines");
    assert_eq!(profile["email_verified"], true);
    assert_eq!(profile["roles"], json!(["owner"]));
    assert!(!made.text().contains("argon2") && !made.text().contains(PASSWORD));
    assert_eq!(outcome(&kit, OWNER, PASSWORD).await, "valid");

    assert_eq!(kit.get("/api/users/setup").send().await.value(), json!({"needed": false}));
    assert_eq!(setup_link(&kit).await, json!({"needed": false, "token": null}));
    let again = kit.post("/api/users/setup").json(body(&link["token"], "eve@example.com")).send().await.expect(409);
    assert_eq!(again.code(), "setup-done");
    assert_eq!(outcome(&kit, "eve@example.com", PASSWORD).await, "invalid");
}

async fn without_the_link_there_is_no_way_in(backend: Backend) {
    let kit = bare(backend).await;
    for token in [json!(""), json!("admin"), json!("A".repeat(43)), json!("A".repeat(10_000))] {
        let refused = kit.post("/api/users/setup").json(body(&token, OWNER)).send().await.expect(403);
        assert_eq!(refused.code(), "setup-link-invalid");
    }
    for (email, password) in [("admin@localhost", "admin"), ("admin", "admin"), (OWNER, ""), ("", "")] {
        assert_eq!(outcome(&kit, email, password).await, "invalid");
    }
    assert_eq!(kit.get("/api/users/setup").send().await.value(), json!({"needed": true}));
}

async fn two_people_with_the_link_make_one_owner(backend: Backend) {
    let kit = bare(backend).await;
    let token = setup_link(&kit).await["token"].clone();
    let (first, second) = tokio::join!(
        kit.post("/api/users/setup").json(body(&token, "one@example.com")).send(),
        kit.post("/api/users/setup").json(body(&token, "two@example.com")).send(),
    );
    let mut answers = [first.status.as_u16(), second.status.as_u16()];
    answers.sort_unstable();
    assert_eq!(answers, [201, 409]);
    let winner = if first.status.as_u16() == 201 { "one@example.com" } else { "two@example.com" };
    for email in ["one@example.com", "two@example.com"] {
        assert_eq!(outcome(&kit, email, PASSWORD).await == "valid", email == winner);
    }
}

async fn the_link_is_for_the_program_that_prints_it(backend: Backend) {
    let kit = bare(backend).await;
    let ask = || kit.request_to("user-auth", http::Method::GET, "/internal/setup-link");
    let _ = ask().send().await.expect(404);
    for service in ["auth-service", "content-management", "user-auth"] {
        let refused = ask().from_service(service).send().await.expect(403);
        assert!(!refused.text().contains("token\""), "{}", refused.text());
    }
    assert_ne!(setup_link(&kit).await["token"], setup_link(&bare(backend).await).await["token"]);
}

async fn set_up_takes_no_bad_input(backend: Backend) {
    let kit = bare(backend).await;
    let token = setup_link(&kit).await["token"].clone();
    let changes = [
        ("password", json!("short")),
        ("password", json!("password123")),
        ("password", json!(OWNER)),
        ("password", json!("x".repeat(129))),
        ("email", json!("nobody")),
        ("email", json!(7)),
        ("name", json!("")),
        ("organisation", json!("x".repeat(101))),
        ("admin", json!(true)),
    ];
    for (field, value) in changes {
        let mut body = body(&token, OWNER);
        body[field] = value.clone();
        let refused = kit.post("/api/users/setup").json(body).send().await.expect(422);
        assert_eq!(refused.code(), "validation-failed", "{field}: {value}");
    }
    // None of that used the link up.
    set_up(&kit).await;
}
