//! What other services say and ask.

use http::Method;
use nexus_contracts::content_management::{ContentFacts, MediaReport, MediaState, Status, Visibility};
use nexus_testkit::{Backend, eventually};
use serde_json::json;
use uuid::Uuid;

use crate::on_each_database;
use crate::support::{READY, alone, announced, attach, content_id, editor, get, playable, report};

on_each_database!(
    an_upload_becomes_one_item_however_often_it_is_reported,
    an_upload_does_not_bring_a_deleted_item_back,
    media_is_followed_until_it_plays,
    a_failure_is_announced_once_with_its_source,
    the_facts_say_what_delivery_needs,
    only_the_right_services_may_speak,
);

async fn an_upload_becomes_one_item_however_often_it_is_reported(backend: Backend) {
    let kit = alone(backend).await;
    let (editor, upload) = (editor(), Uuid::now_v7());
    let id = attach(&kit, &editor, upload).await;
    assert_eq!(attach(&kit, &editor, upload).await, id);
    let item = get(&kit, Some(&editor), &id).await.expect(200).value();
    assert_eq!((&item["title"], &item["media"]["state"]), (&json!("Rehearsal"), &json!("processing")));
    let events = eventually("it is announced", async || {
        let events = announced(&kit).await;
        events.contains("media-attached.v1").then_some(events)
    })
    .await;
    assert_eq!(events.matches("content-management.content.media-attached.v1").count(), 1, "{events}");
}

async fn an_upload_does_not_bring_a_deleted_item_back(backend: Backend) {
    let kit = alone(backend).await;
    let (editor, upload) = (editor(), Uuid::now_v7());
    let id = attach(&kit, &editor, upload).await;
    let path = format!("/api/content/{id}");
    let _ = kit.delete(&path).bearer(kit.token(&editor)).header("if-match", "\"1\"").send().await.expect(204);
    assert_eq!(attach(&kit, &editor, upload).await, id);
    let _ = get(&kit, Some(&editor), &id).await.expect(404);
    let _ = report(&kit, &id, &READY).await.expect(404);
}

async fn media_is_followed_until_it_plays(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let id = attach(&kit, &editor, Uuid::now_v7()).await;
    let _ = report(&kit, &id, &MediaReport::Processing { progress: 0.25 }).await.expect(204);
    let seen = get(&kit, Some(&editor), &id).await.value();
    assert_eq!((&seen["media"]["progress"], &seen["version"]), (&json!(0.25), &json!(1)));
    let _ = report(&kit, &id, &READY).await.expect(204);
    // What was overtaken changes nothing.
    let _ = report(&kit, &id, &MediaReport::Processing { progress: 0.5 }).await.expect(204);
    let media = get(&kit, Some(&editor), &id).await.value()["media"].clone();
    assert_eq!(
        media,
        json!({"state": "ready", "progress": 1.0, "error": null, "duration_ms": 4_000, "width": 640, "height": 360})
    );
}

async fn a_failure_is_announced_once_with_its_source(backend: Backend) {
    let kit = alone(backend).await;
    let (editor, upload) = (editor(), Uuid::now_v7());
    let id = attach(&kit, &editor, upload).await;
    let failed = MediaReport::Failed { error: "the file is cut off".to_owned(), retryable: false };
    let _ = report(&kit, &id, &failed).await.expect(204);
    let _ = report(&kit, &id, &failed).await.expect(204);
    assert_eq!(get(&kit, Some(&editor), &id).await.value()["media"]["error"], "the file is cut off");
    let events = eventually("it is announced", async || {
        let events = announced(&kit).await;
        events.contains("media-failed.v1").then_some(events)
    })
    .await;
    assert_eq!(events.matches("content-management.content.media-failed.v1").count(), 1, "{events}");
    assert!(events.contains(&format!("uploads/{}/{upload}", editor.tenant)), "{events}");
}

async fn the_facts_say_what_delivery_needs(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let id = playable(&kit, &editor, "members").await;
    let reply = kit
        .request_to("content-management", Method::GET, &format!("/internal/content/{id}"))
        .from_service("streaming-service-v2")
        .send()
        .await;
    let facts: ContentFacts = reply.expect(200).json();
    let expected = ContentFacts {
        id: content_id(&id),
        tenant: editor.tenant,
        owner: editor.user,
        visibility: Visibility::Members,
        status: Status::Draft,
        media: Some(MediaState::Ready),
        duration_ms: Some(4_000),
        published_at: None,
    };
    assert_eq!(facts, expected);
}

async fn only_the_right_services_may_speak(backend: Backend) {
    let kit = alone(backend).await;
    let id = playable(&kit, &editor(), "public").await;
    let path = format!("/internal/content/{id}");
    let ask = |method: Method, path: &str| kit.request_to("content-management", method, path);
    let _ = ask(Method::GET, &path).send().await.expect(404);
    let _ = ask(Method::GET, &path).bearer(kit.token(&editor())).send().await.expect(404);
    let refused = ask(Method::GET, &path).from_service("backend-api").send().await.expect(403);
    assert_eq!(refused.code(), "caller-not-allowed");
    let media = format!("{path}/media");
    let _ = ask(Method::PUT, &media).from_service("streamcore").json(READY).send().await.expect(403);
    let _ = ask(Method::POST, "/internal/content").from_service("streamcore").json(json!({})).send().await.expect(422);
}
