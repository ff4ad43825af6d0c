//! What a caller gets who means no good, or is mistaken.

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{act, alone, draft, editor, published};

on_each_database!(
    another_organisation_can_not_touch_an_item,
    members_read_and_do_not_write,
    nobody_writes_without_a_token,
    wrong_input_names_the_field,
    wrong_queries_are_refused,
);

async fn another_organisation_can_not_touch_an_item(backend: Backend) {
    let kit = alone(backend).await;
    let maker = editor();
    let stranger = Person::new(Role::Owner);
    let hidden = draft(&kit, &maker, "Harbour").await["id"].as_str().unwrap().to_owned();
    let public = published(&kit, &maker, "public").await;
    for id in [&hidden, &public] {
        let path = format!("/api/content/{id}");
        let token = kit.token(&stranger);
        let changed =
            kit.patch(&path).bearer(&token).header("if-match", "\"1\"").json(json!({"title": "Mine"})).send().await;
        let _ = changed.expect(404);
        let _ = kit.delete(&path).bearer(&token).header("if-match", "\"1\"").send().await.expect(404);
        let _ = act(&kit, &stranger, id, "publish").await.expect(404);
        let _ = act(&kit, &stranger, id, "unpublish").await.expect(404);
    }
    let _ = kit.get(&format!("/api/content/{public}")).send().await.expect(200);
}

async fn members_read_and_do_not_write(backend: Backend) {
    let kit = alone(backend).await;
    let maker = editor();
    let member = Person::of(maker.tenant, Role::Member);
    let id = published(&kit, &maker, "members").await;
    let path = format!("/api/content/{id}");
    let _ = kit.post("/api/content").bearer(kit.token(&member)).json(json!({"title": "Mine"})).send().await.expect(403);
    let changed = kit
        .patch(&path)
        .bearer(kit.token(&member))
        .header("if-match", "\"3\"")
        .json(json!({"title": "x"}))
        .send()
        .await;
    assert_eq!(changed.expect(403).code(), "forbidden");
    let _ = act(&kit, &member, &id, "unpublish").await.expect(403);
    let _ = kit.delete(&path).bearer(kit.token(&member)).header("if-match", "\"3\"").send().await.expect(403);
    // What a member may not even see is not there.
    let hidden = draft(&kit, &maker, "Harbour").await["id"].as_str().unwrap().to_owned();
    let _ = act(&kit, &member, &hidden, "publish").await.expect(404);
}

async fn nobody_writes_without_a_token(backend: Backend) {
    let kit = alone(backend).await;
    let id = published(&kit, &editor(), "public").await;
    let _ = kit.post("/api/content").json(json!({"title": "x"})).send().await.expect(401);
    let _ = kit.post(&format!("/api/content/{id}/unpublish")).send().await.expect(401);
    let _ = kit.get("/api/content").bearer("not-a-token").send().await.expect(401);
    let expired = kit.token_with(&editor(), json!({"exp": 1}).as_object().unwrap().clone());
    assert_eq!(kit.get("/api/content").bearer(expired).send().await.expect(401).code(), "expired-token");
}

async fn wrong_input_names_the_field(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let make = async |body: Value| kit.post("/api/content").bearer(kit.token(&editor)).json(body).send().await;
    for (body, field) in [
        (json!({"title": "   "}), "title"),
        (json!({"title": "x".repeat(201)}), "title"),
        (json!({"title": "x", "description": "y".repeat(5_001)}), "description"),
    ] {
        let problem = make(body).await.expect(422).value();
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    for body in [
        json!({}),
        json!({"title": 5}),
        json!({"title": "x", "visibility": "secret"}),
        json!({"title": "x", "owner": "me"}),
    ] {
        let _ = make(body).await.expect(422);
    }
    let text =
        kit.post("/api/content").bearer(kit.token(&editor)).header("content-type", "application/json").bytes("{");
    assert_eq!(text.send().await.expect(400).code(), "invalid-json");
    let large = kit.post("/api/content").bearer(kit.token(&editor)).json(json!({"title": "x".repeat(2 << 20)}));
    assert_eq!(large.send().await.expect(413).code(), "body-too-large");
}

async fn wrong_queries_are_refused(backend: Backend) {
    let kit = alone(backend).await;
    for query in ["limit=0", "limit=201", "limit=many", "cursor=%21", "status=gone", &format!("q={}", "x".repeat(201))]
    {
        let _ = kit.get(&format!("/api/content?{query}")).send().await.expect(400);
    }
    for id in ["none", "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11", "..%2f"] {
        let _ = kit.get(&format!("/api/content/{id}")).send().await.expect(404);
    }
}
