//! What the tests have in common: content whose media is ready, without a transcode.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use nexus_contracts::content_management::{AttachUpload, ContentId};
use nexus_contracts::streamcore::{JobId, JobSucceeded, SERVICE as STREAMCORE, rendition_prefix};
use nexus_contracts::streaming_service_v2::{Playback, SERVICE};
use nexus_kernel::events::Event;
use nexus_kernel::{Role, TenantId};
use nexus_testkit::{Backend, Person, Reply, Testkit, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stand_in::StandIn;

/// The attempt that made the renditions.
pub(crate) const RENDITION: &str = "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11";
/// The bytes of the only segment.
pub(crate) const SEGMENT: &[u8] = b"0123456789";

/// The service with content-management and a stand-in for streamcore.
pub(crate) async fn start(backend: Backend) -> (Testkit, Arc<StandIn>) {
    let stand_in = Arc::new(StandIn::default());
    let services = vec![streaming_service_v2::service(), content_management::service(), stand_in.service()];
    (Testkit::start(backend, services).await, stand_in)
}

pub(crate) fn editor() -> Person {
    Person::new(Role::Editor)
}

/// Announces something as streamcore.
pub(crate) async fn announce(kit: &Testkit, tenant: TenantId, event: &impl Event) {
    let mut tx = kit.context(STREAMCORE).store.begin(tenant).await.unwrap();
    tx.publish(event).await.unwrap();
    tx.commit().await.unwrap();
}

/// Attaches a finished upload, as puabo-dsp-upload-mgr does.
pub(crate) async fn attach(kit: &Testkit, by: &Person) -> ContentId {
    let upload_id = Uuid::now_v7();
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
    reply.expect(200).value()["content_id"].as_str().unwrap().parse().unwrap()
}

/// An item as content-management shows it.
pub(crate) async fn content(kit: &Testkit, by: &Person, id: ContentId) -> Reply {
    kit.get(&format!("/api/content/{id}")).bearer(kit.token(by)).send().await
}

/// Waits until the item's media is in this state.
pub(crate) async fn media_becomes(kit: &Testkit, by: &Person, id: ContentId, state: &str) -> Value {
    eventually(&format!("the media is {state}"), async || {
        let media = content(kit, by, id).await.expect(200).value()["media"].clone();
        (media["state"] == state).then_some(media)
    })
    .await
}

/// A private draft that plays.
pub(crate) async fn ready(kit: &Testkit, by: &Person) -> ContentId {
    let id = attach(kit, by).await;
    let prefix = rendition_prefix(by.tenant, id, RENDITION);
    for (name, bytes) in [
        ("master.m3u8", b"#EXTM3U\n".as_slice()),
        ("poster.jpg", b"jpeg"),
        ("thumbs/1.jpg", b"small"),
        ("240p/index.m3u8", b"#EXTM3U\n#EXT-X-ENDLIST\n"),
        ("240p/init.mp4", b"init"),
        ("240p/00000.m4s", SEGMENT),
        ("secret.txt", b"not for anybody"),
    ] {
        kit.context(SERVICE).blobs.put(&format!("{prefix}/{name}"), Bytes::copy_from_slice(bytes)).await.unwrap();
    }
    let job_id = JobId(Uuid::now_v7());
    let done = JobSucceeded {
        job_id,
        content_id: id,
        duration_ms: 4_000,
        width: Some(426),
        height: Some(240),
        rendition: RENDITION.to_owned(),
    };
    announce(kit, by.tenant, &done).await;
    media_becomes(kit, by, id, "ready").await;
    id
}

/// Changes who may see the item.
pub(crate) async fn show_to(kit: &Testkit, by: &Person, id: ContentId, visibility: &str) {
    let etag = content(kit, by, id).await.expect(200).header("etag");
    let path = format!("/api/content/{id}");
    let changed =
        kit.patch(&path).bearer(kit.token(by)).header("if-match", etag).json(json!({"visibility": visibility}));
    let _ = changed.send().await.expect(200);
}

/// Publishes or unpublishes.
pub(crate) async fn act(kit: &Testkit, by: &Person, id: ContentId, action: &str) {
    let _ = kit.post(&format!("/api/content/{id}/{action}")).bearer(kit.token(by)).send().await.expect(200);
}

/// A published item that plays.
pub(crate) async fn published(kit: &Testkit, by: &Person, visibility: &str) -> ContentId {
    let id = ready(kit, by).await;
    show_to(kit, by, id, visibility).await;
    act(kit, by, id, "publish").await;
    id
}

/// Deletes an item.
pub(crate) async fn delete(kit: &Testkit, by: &Person, id: ContentId) {
    let etag = content(kit, by, id).await.expect(200).header("etag");
    let gone = kit.delete(&format!("/api/content/{id}")).bearer(kit.token(by)).header("if-match", etag).send().await;
    let _ = gone.expect(204);
}

/// Asks how to play an item, as somebody or as nobody.
pub(crate) async fn ask(kit: &Testkit, by: Option<&Person>, id: ContentId) -> Reply {
    let request = kit.get(&format!("/api/stream/{id}/playback"));
    match by {
        Some(person) => request.bearer(kit.token(person)).send().await,
        None => request.send().await,
    }
}

/// How somebody plays an item.
pub(crate) async fn playback(kit: &Testkit, by: Option<&Person>, id: ContentId) -> Playback {
    ask(kit, by, id).await.expect(200).json()
}

/// Another file beside the multivariant playlist.
pub(crate) fn beside(playback: &Playback, name: &str) -> String {
    format!("{}{name}", playback.hls_url.strip_suffix("master.m3u8").unwrap())
}
