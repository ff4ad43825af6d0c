//! What the tests have in common: sources in the blob store, orders, and an ffmpeg that misbehaves when asked to.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use nexus_contracts::content_management::ContentId;
use nexus_contracts::streamcore::{OrderTranscode, OrderedTranscode, SERVICE, output_prefix, rendition_prefix};
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit, eventually, eventually_within};
use serde_json::Value;
use uuid::Uuid;

/// How long a transcode may take on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// streamcore alone.
pub(crate) async fn alone(backend: Backend) -> Testkit {
    Testkit::start(backend, vec![streamcore::service()]).await
}

/// streamcore alone with another program for ffmpeg.
pub(crate) async fn with_ffmpeg(backend: Backend, ffmpeg: &Path) -> Testkit {
    Testkit::start_with(backend, vec![streamcore::service()], |config| ffmpeg.clone_into(&mut config.media.ffmpeg))
        .await
}

/// A program that stands in for ffmpeg: it names its encoders, and does this before it makes anything.
pub(crate) fn ffmpeg_that(folder: &Path, first: &str) -> PathBuf {
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *-encoders*) exec ffmpeg \"$@\";; esac\ncd '{}' || exit 1\n{first}\nexec ffmpeg \"$@\"\n",
        folder.display()
    );
    let path = folder.join("ffmpeg");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

pub(crate) fn editor() -> Person {
    Person::new(Role::Editor)
}

/// An order with its source in the blob store.
pub(crate) async fn source(kit: &Testkit, by: &Person, bytes: Bytes) -> OrderTranscode {
    let source_key = format!("uploads/{}/{}", by.tenant, Uuid::now_v7());
    kit.context(SERVICE).blobs.put(&source_key, bytes).await.unwrap();
    OrderTranscode { tenant: by.tenant, content_id: ContentId(Uuid::now_v7()), source_key }
}

/// Places an order as streaming-service-v2 does; the job's id.
pub(crate) async fn place(kit: &Testkit, order: &OrderTranscode) -> String {
    let reply = kit
        .request_to(SERVICE, Method::POST, "/internal/jobs")
        .from_service("streaming-service-v2")
        .json(order)
        .send()
        .await;
    reply.expect(200).json::<OrderedTranscode>().job_id.to_string()
}

/// Orders what streaming-service-v2 orders when content is gone.
pub(crate) async fn remove(kit: &Testkit, order: &OrderTranscode) -> Reply {
    let path = format!("/internal/tenants/{}/content/{}", order.tenant, order.content_id);
    kit.request_to(SERVICE, Method::DELETE, &path).from_service("streaming-service-v2").send().await
}

/// A job, as somebody sees it.
pub(crate) async fn job(kit: &Testkit, by: &Person, id: &str) -> Reply {
    kit.get(&format!("/api/streamcore/jobs/{id}")).bearer(kit.token(by)).send().await
}

/// Waits until the job is in this state.
pub(crate) async fn becomes(kit: &Testkit, by: &Person, id: &str, state: &str) -> Value {
    eventually_within(PATIENCE, &format!("the job is {state}"), async || {
        let seen = job(kit, by, id).await.expect(200).value();
        assert!(seen["state"] != "failed" || state == "failed", "{seen}");
        (seen["state"] == state).then_some(seen)
    })
    .await
}

/// The names of what the blob store has of a content item's renditions, which all are of one attempt.
pub(crate) async fn made(kit: &Testkit, order: &OrderTranscode) -> Vec<String> {
    let Some(rendition) = attempts(kit, order).await.pop() else { return Vec::new() };
    let prefix = rendition_prefix(order.tenant, order.content_id, &rendition);
    let mut keys = kit.context(SERVICE).blobs.list(&prefix).await.unwrap();
    keys.sort_unstable();
    keys.iter().map(|key| key.strip_prefix(&format!("{prefix}/")).unwrap().to_owned()).collect()
}

/// The attempts that left something of a content item in the blob store: one at most, when all work has ended.
pub(crate) async fn attempts(kit: &Testkit, order: &OrderTranscode) -> Vec<String> {
    let prefix = format!("{}/", output_prefix(order.tenant, order.content_id));
    let keys = kit.context(SERVICE).blobs.list(prefix.trim_end_matches('/')).await.unwrap();
    let attempt = |key: &String| key.strip_prefix(&prefix).unwrap().split('/').next().unwrap().to_owned();
    let mut attempts: Vec<_> = keys.iter().map(attempt).collect();
    attempts.sort_unstable();
    attempts.dedup();
    attempts
}

/// A rendition's file on this machine.
pub(crate) async fn file(kit: &Testkit, order: &OrderTranscode, name: &str) -> PathBuf {
    let rendition = attempts(kit, order).await.pop().unwrap();
    let key = format!("{}/{name}", rendition_prefix(order.tenant, order.content_id, &rendition));
    kit.context(SERVICE).blobs.local_path(&key).unwrap()
}

/// What is in the folder where jobs work.
pub(crate) fn work_folders(kit: &Testkit) -> usize {
    let folder = kit.context(SERVICE).data_dir().unwrap().join("jobs");
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// The types and data of everything that was announced about a content item, once its end was; PostgreSQL numbers events a
/// moment after their commit.
pub(crate) async fn announced(kit: &Testkit, order: &OrderTranscode) -> Vec<(String, Value)> {
    eventually("the end is announced", async || {
        let events = events(kit, order).await;
        let ended = events.last().is_some_and(|(kind, _)| kind != "streamcore.job.progressed.v1");
        ended.then_some(events)
    })
    .await
}

async fn events(kit: &Testkit, order: &OrderTranscode) -> Vec<(String, Value)> {
    let reply = kit
        .request_to(SERVICE, Method::GET, "/internal/events?after=0&limit=500")
        .from_service("streaming-service-v2")
        .send()
        .await;
    let events: Vec<Value> = reply.expect(200).json();
    events
        .into_iter()
        .filter(|event| event["data"]["content_id"] == order.content_id.to_string())
        .map(|event| (event["type"].as_str().unwrap().to_owned(), event["data"].clone()))
        .collect()
}
