//! An item's way from draft to published and back, and who sees it on the way.

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{act, alone, announced, change, draft, editor, get, playable, published};

on_each_database!(
    an_editor_makes_a_draft_and_changes_it,
    a_change_of_an_old_version_is_refused,
    only_what_plays_can_be_published,
    published_content_is_taken_back,
    who_sees_what,
    deleted_content_is_gone_and_announced,
    the_same_idempotency_key_makes_one_item,
);

async fn an_editor_makes_a_draft_and_changes_it(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let made = kit
        .post("/api/content")
        .bearer(kit.token(&editor))
        .json(json!({"title": " Harbour "}))
        .send()
        .await
        .expect(201);
    let item = made.value();
    assert_eq!(made.header("location"), format!("/api/content/{}", item["id"].as_str().unwrap()));
    assert_eq!(
        (&item["title"], &item["status"], &item["visibility"], &item["media"]),
        (&json!("Harbour"), &json!("draft"), &json!("private"), &Value::Null)
    );
    let id = item["id"].as_str().unwrap();
    let wanted = json!({"title": "Old harbour", "description": "One take.", "visibility": "members"});
    let changed = change(&kit, &editor, id, wanted).await.expect(200);
    assert_eq!(changed.header("etag"), "\"2\"");
    let read = get(&kit, Some(&editor), id).await.expect(200).value();
    assert_eq!(read, changed.value());
    assert_eq!(
        (&read["title"], &read["description"], &read["version"]),
        (&json!("Old harbour"), &json!("One take."), &json!(2))
    );
}

async fn a_change_of_an_old_version_is_refused(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let item = draft(&kit, &editor, "Harbour").await;
    let path = format!("/api/content/{}", item["id"].as_str().unwrap());
    let attempt = async |etag: Option<&str>, title: &str| {
        let request = kit.patch(&path).bearer(kit.token(&editor)).json(json!({"title": title}));
        match etag {
            Some(etag) => request.header("if-match", etag).send().await,
            None => request.send().await,
        }
    };
    assert_eq!(attempt(None, "x").await.expect(428).code(), "precondition-required");
    let _ = attempt(Some("\"1\""), "First").await.expect(200);
    assert_eq!(attempt(Some("\"1\""), "Second").await.expect(412).code(), "precondition-failed");
    let _ = attempt(Some("1"), "Third").await.expect(412);
    assert_eq!(kit.get(&path).bearer(kit.token(&editor)).send().await.value()["title"], "First");
    let _ = kit.delete(&path).bearer(kit.token(&editor)).send().await.expect(428);
    let _ = kit.delete(&path).bearer(kit.token(&editor)).header("if-match", "\"1\"").send().await.expect(412);
}

async fn only_what_plays_can_be_published(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let empty = draft(&kit, &editor, "Harbour").await;
    let refused = act(&kit, &editor, empty["id"].as_str().unwrap(), "publish").await.expect(409);
    assert_eq!(refused.code(), "media-not-ready");
    let id = playable(&kit, &editor, "public").await;
    let out = act(&kit, &editor, &id, "publish").await.expect(200).value();
    assert_eq!(out["status"], "published");
    assert!(out["published_at"].is_string());
    // Again is the same, and no second event.
    assert_eq!(act(&kit, &editor, &id, "publish").await.expect(200).value(), out);
    let events = eventually("it is announced", async || {
        let events = announced(&kit).await;
        events.contains("content.published.v1").then_some(events)
    })
    .await;
    assert_eq!(events.matches("content-management.content.published.v1").count(), 1, "{events}");
}

async fn published_content_is_taken_back(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let id = published(&kit, &editor, "public").await;
    let _ = get(&kit, None, &id).await.expect(200);
    let taken_back = act(&kit, &editor, &id, "unpublish").await.expect(200).value();
    assert_eq!((&taken_back["status"], &taken_back["published_at"]), (&json!("draft"), &Value::Null));
    let _ = get(&kit, None, &id).await.expect(404);
    assert_eq!(act(&kit, &editor, &id, "unpublish").await.expect(200).value(), taken_back);
}

async fn who_sees_what(backend: Backend) {
    let kit = alone(backend).await;
    let maker = editor();
    let colleague = Person::of(maker.tenant, Role::Editor);
    let member = Person::of(maker.tenant, Role::Member);
    let stranger = Person::new(Role::Owner);
    let hidden = playable(&kit, &maker, "public").await;
    let public = published(&kit, &maker, "public").await;
    let members = published(&kit, &maker, "members").await;
    let private = published(&kit, &maker, "private").await;
    let everybody = [None, Some(&stranger), Some(&member), Some(&colleague), Some(&maker)];
    for (id, seen) in [
        (&hidden, [false, false, false, true, true]),
        (&public, [true; 5]),
        (&members, [false, false, true, true, true]),
        (&private, [false, false, false, true, true]),
    ] {
        for (who, sees) in everybody.into_iter().zip(seen) {
            let _ = get(&kit, who, id).await.expect(if sees { 200 } else { 404 });
        }
    }
}

async fn deleted_content_is_gone_and_announced(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let id = published(&kit, &editor, "public").await;
    let etag = get(&kit, Some(&editor), &id).await.header("etag");
    let path = format!("/api/content/{id}");
    let _ = kit.delete(&path).bearer(kit.token(&editor)).header("if-match", &etag).send().await.expect(204);
    let _ = get(&kit, Some(&editor), &id).await.expect(404);
    let _ = kit.delete(&path).bearer(kit.token(&editor)).header("if-match", &etag).send().await.expect(404);
    eventually("it is announced", async || announced(&kit).await.contains("content.deleted.v1").then_some(())).await;
}

async fn the_same_idempotency_key_makes_one_item(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let make = async |key: &str, title: &str| {
        kit.post("/api/content")
            .bearer(kit.token(&editor))
            .header("idempotency-key", key)
            .json(json!({"title": title}))
            .send()
            .await
    };
    let first = make("one", "Harbour").await.expect(201);
    let again = make("one", "Harbour").await.expect(201);
    assert_eq!((again.value(), again.header("etag")), (first.value(), first.header("etag")));
    assert_eq!(make("one", "Another").await.expect(422).code(), "idempotency-key-reused");
    let _ = make("two", "Harbour").await.expect(201);
    let list = kit.get("/api/content").bearer(kit.token(&editor)).send().await.expect(200).value();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
}
