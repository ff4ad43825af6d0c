//! What becomes of a complete upload.

use http::Method;
use nexus_contracts::content_management::MediaReport;
use nexus_testkit::{Backend, Person, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{becomes, editor, film, listed, services, start, stored, tus, unfinished, upload};

on_each_database!(
    a_media_file_becomes_content,
    a_text_named_like_a_film_is_refused_and_leaves_nothing,
    an_empty_file_is_refused_at_once,
    a_file_waits_for_content_management,
    deleted_content_takes_its_file_along,
    media_that_can_not_be_played_refuses_the_upload,
    media_that_may_work_another_time_keeps_its_file,
);

async fn contents(kit: &Testkit, by: &Person) -> Vec<Value> {
    let list = kit.get("/api/content").bearer(kit.token(by)).send().await.expect(200).value();
    list["items"].as_array().unwrap().clone()
}

async fn a_media_file_becomes_content(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let location = upload(&kit, &editor, film(5_000)).await;
    let accepted = becomes(&kit, &editor, &location, "accepted").await;
    let contents = contents(&kit, &editor).await;
    assert_eq!(contents.len(), 1);
    assert_eq!(accepted["content_id"], contents[0]["id"]);
    assert_eq!((&contents[0]["title"], &contents[0]["created_by"]), (&json!("My film"), &json!(editor.user)));
    assert_eq!(stored(&kit, &editor, &location).await, Some(5_000));
    eventually("the unfinished file is gone", async || unfinished(&kit, &location).await.is_empty().then_some(()))
        .await;
}

async fn a_text_named_like_a_film_is_refused_and_leaves_nothing(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let location = upload(&kit, &editor, "Dear diary, today I made no film.\n".into()).await;
    let refused = becomes(&kit, &editor, &location, "refused").await;
    assert!(refused["error"].as_str().unwrap().contains("is a text"), "{refused}");
    assert_eq!(refused["content_id"], Value::Null);
    eventually("the file is gone", async || unfinished(&kit, &location).await.is_empty().then_some(())).await;
    assert_eq!(stored(&kit, &editor, &location).await, None);
    assert!(contents(&kit, &editor).await.is_empty());
    // The owner can take it off the list.
    let _ = tus(&kit, &editor, Method::DELETE, &location).send().await.expect(204);
    let _ = listed(&kit, &editor, &location).await.expect(404);
}

async fn an_empty_file_is_refused_at_once(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let reply =
        tus(&kit, &editor, Method::POST, crate::support::FILES).header("upload-length", "0").send().await.expect(422);
    assert_eq!(reply.code(), "empty-file");
    assert!(reply.text().contains("the file is empty"));
    let list = kit.get("/api/dsp/upload/uploads").bearer(kit.token(&editor)).send().await.expect(200).value();
    assert_eq!(list["items"], json!([]));
}

async fn a_file_waits_for_content_management(backend: Backend) {
    let kit = Testkit::start(backend, vec![puabo_dsp_upload_mgr::service()]).await;
    let editor = editor();
    let location = upload(&kit, &editor, film(5_000)).await;
    eventually("the file is kept", async || stored(&kit, &editor, &location).await).await;
    assert_eq!(listed(&kit, &editor, &location).await.value()["state"], "checking");
    // As after a crash in the middle of the check: all of it is done again.
    let kit = kit.restart(services()).await;
    becomes(&kit, &editor, &location, "accepted").await;
    assert_eq!(contents(&kit, &editor).await.len(), 1);
    assert_eq!(stored(&kit, &editor, &location).await, Some(5_000));
}

async fn deleted_content_takes_its_file_along(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let location = upload(&kit, &editor, film(500)).await;
    let content = becomes(&kit, &editor, &location, "accepted").await["content_id"].clone();
    let path = format!("/api/content/{}", content.as_str().unwrap());
    let _ = kit.delete(&path).bearer(kit.token(&editor)).header("if-match", "\"1\"").send().await.expect(204);
    eventually("the file is gone", async || stored(&kit, &editor, &location).await.is_none().then_some(())).await;
    let _ = listed(&kit, &editor, &location).await.expect(404);
}

async fn failed(kit: &Testkit, by: &Person, location: &str, retryable: bool) {
    let content = becomes(kit, by, location, "accepted").await["content_id"].clone();
    let report = MediaReport::Failed { error: "the file is incomplete".to_owned(), retryable };
    let reported = kit
        .request_to(
            "content-management",
            Method::PUT,
            &format!("/internal/content/{}/media", content.as_str().unwrap()),
        )
        .from_service("streaming-service-v2")
        .json(report)
        .send()
        .await;
    let _ = reported.expect(204);
}

async fn media_that_can_not_be_played_refuses_the_upload(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let location = upload(&kit, &editor, film(500)).await;
    failed(&kit, &editor, &location, false).await;
    let refused = becomes(&kit, &editor, &location, "refused").await;
    assert_eq!(refused["error"], "the file is incomplete");
    eventually("the file is gone", async || stored(&kit, &editor, &location).await.is_none().then_some(())).await;
}

async fn media_that_may_work_another_time_keeps_its_file(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let kept = upload(&kit, &editor, film(500)).await;
    failed(&kit, &editor, &kept, true).await;
    // Events of one organisation arrive in their order: once the second is known, the first was.
    let refused = upload(&kit, &editor, film(600)).await;
    failed(&kit, &editor, &refused, false).await;
    becomes(&kit, &editor, &refused, "refused").await;
    assert_eq!(listed(&kit, &editor, &kept).await.value()["state"], "accepted");
    assert_eq!(stored(&kit, &editor, &kept).await, Some(500));
}
