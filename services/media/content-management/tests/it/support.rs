//! What the tests have in common: an organisation, and content that others report about.

use http::Method;
use nexus_contracts::content_management::{AttachUpload, ContentId, MediaReport};
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::{Value, json};
use uuid::Uuid;

/// content-management alone.
pub(crate) async fn alone(backend: Backend) -> Testkit {
    Testkit::start(backend, vec![content_management::service()]).await
}

/// A reply that says that the media plays.
pub(crate) const READY: MediaReport = MediaReport::Ready { duration_ms: 4_000, width: Some(640), height: Some(360) };

/// An editor of a new organisation.
pub(crate) fn editor() -> Person {
    Person::new(Role::Editor)
}

/// Makes a draft without media.
pub(crate) async fn draft(kit: &Testkit, by: &Person, title: &str) -> Value {
    let reply = kit.post("/api/content").bearer(kit.token(by)).json(json!({"title": title})).send().await;
    reply.expect(201).value()
}

/// Attaches a finished upload, as puabo-dsp-upload-mgr does.
pub(crate) async fn attach(kit: &Testkit, by: &Person, upload_id: Uuid) -> String {
    let upload = AttachUpload {
        upload_id,
        tenant: by.tenant,
        owner: by.user,
        title: "Rehearsal".to_owned(),
        source_key: format!("uploads/{}/{upload_id}", by.tenant),
    };
    let reply = kit
        .request_to("content-management", Method::POST, "/internal/content")
        .from_service("puabo-dsp-upload-mgr")
        .json(upload)
        .send()
        .await;
    reply.expect(200).value()["content_id"].as_str().unwrap().to_owned()
}

/// Reports how far media is, as streaming-service-v2 does.
pub(crate) async fn report(kit: &Testkit, id: &str, report: &MediaReport) -> Reply {
    kit.request_to("content-management", Method::PUT, &format!("/internal/content/{id}/media"))
        .from_service("streaming-service-v2")
        .json(report)
        .send()
        .await
}

/// An item whose media plays, with this visibility; still a draft.
pub(crate) async fn playable(kit: &Testkit, by: &Person, visibility: &str) -> String {
    let id = attach(kit, by, Uuid::now_v7()).await;
    let _ = report(kit, &id, &READY).await.expect(204);
    let _ = change(kit, by, &id, json!({"visibility": visibility})).await.expect(200);
    id
}

/// The same, published.
pub(crate) async fn published(kit: &Testkit, by: &Person, visibility: &str) -> String {
    let id = playable(kit, by, visibility).await;
    let _ = act(kit, by, &id, "publish").await.expect(200);
    id
}

/// Reads an item, as somebody or as nobody.
pub(crate) async fn get(kit: &Testkit, by: Option<&Person>, id: &str) -> Reply {
    let request = kit.get(&format!("/api/content/{id}"));
    match by {
        Some(person) => request.bearer(kit.token(person)).send().await,
        None => request.send().await,
    }
}

/// Changes the item's present version.
pub(crate) async fn change(kit: &Testkit, by: &Person, id: &str, changes: Value) -> Reply {
    let etag = get(kit, Some(by), id).await.header("etag");
    kit.patch(&format!("/api/content/{id}")).bearer(kit.token(by)).header("if-match", etag).json(changes).send().await
}

/// Publishes or unpublishes.
pub(crate) async fn act(kit: &Testkit, by: &Person, id: &str, action: &str) -> Reply {
    kit.post(&format!("/api/content/{id}/{action}")).bearer(kit.token(by)).send().await
}

/// Everything that the service has announced, as text.
pub(crate) async fn announced(kit: &Testkit) -> String {
    kit.request_to("content-management", Method::GET, "/internal/events?after=0&limit=100")
        .from_service("backend-api")
        .send()
        .await
        .expect(200)
        .text()
}

/// The titles that somebody's list shows.
pub(crate) async fn titles(kit: &Testkit, by: Option<&Person>, query: &str) -> Vec<String> {
    let request = kit.get(&format!("/api/content{query}"));
    let reply = match by {
        Some(person) => request.bearer(kit.token(person)).send().await,
        None => request.send().await,
    };
    let items = reply.expect(200).value()["items"].clone();
    items.as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

/// An id as its type.
pub(crate) fn content_id(id: &str) -> ContentId {
    id.parse().unwrap()
}
