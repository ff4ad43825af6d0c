//! The queue when ffmpeg or the machine fails: nothing is lost, and nothing is tried for ever.

use std::time::Duration;

use bytes::Bytes;
use nexus_contracts::streamcore::{JobId, OrderTranscode, SERVICE};
use nexus_kernel::{Timestamp, params};
use nexus_testkit::{Backend, Person, Testkit, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::film::{Format, film};
use crate::on_each_database;
use crate::support::{
    alone, announced, becomes, editor, ffmpeg_that, job, made, place, source, with_ffmpeg, work_folders,
};

on_each_database!(
    a_job_of_a_dead_process_returns_when_its_lease_is_over,
    a_job_that_kills_its_machine_three_times_fails,
    a_job_waits_while_ffmpeg_is_missing,
);

/// What a process leaves that was killed in the middle of this order.
async fn left_by_a_crash(kit: &Testkit, order: &OrderTranscode, attempts: i64, lease_until: Timestamp) -> String {
    let id = JobId(Uuid::now_v7());
    let mut tx = kit.context(SERVICE).store.begin(order.tenant).await.unwrap();
    tx.execute(
        "INSERT INTO jobs (id, tenant_id, content_id, source_key, state, progress, attempts, ladder, lease_owner, lease_until,
             created_at, started_at)
         VALUES ($1, :tenant, $2, $3, 'running', 0.5, $4, '[]', 'a dead process', $5, $6, $6)",
        params![id, order.content_id, order.source_key.as_str(), attempts, lease_until, kit.now()],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    id.to_string()
}

async fn a_job_of_a_dead_process_returns_when_its_lease_is_over(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let order = source(&kit, &editor, film(Format::Mp4, "160x90", 1).await).await;
    let id = left_by_a_crash(&kit, &order, 1, kit.now().plus(Duration::from_secs(15))).await;
    // Another order runs through the whole queue, and the first is left alone: its process may live.
    let other = source(&kit, &editor, Bytes::from_static(b"no film")).await;
    let other = place(&kit, &other).await;
    becomes(&kit, &editor, &other, "failed").await;
    assert_eq!(job(&kit, &editor, &id).await.value()["state"], "running");
    kit.clock.advance(Duration::from_secs(16));
    kit.context(SERVICE).wake("transcode");
    let done = becomes(&kit, &editor, &id, "succeeded").await;
    assert_eq!(done["attempts"], 2);
    assert!(made(&kit, &order).await.contains(&"master.m3u8".to_owned()));
}

async fn a_job_that_kills_its_machine_three_times_fails(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let order = source(&kit, &editor, Bytes::from_static(b"whatever")).await;
    let id = left_by_a_crash(&kit, &order, 3, kit.now().minus(Duration::from_secs(1))).await;
    kit.context(SERVICE).wake("transcode");
    let failed = becomes(&kit, &editor, &id, "failed").await;
    assert!(failed["error"].as_str().unwrap().contains("3 times"), "{failed}");
    assert_eq!(failed["retryable"], true);
    let (kind, data) = announced(&kit, &order).await.pop().unwrap();
    assert_eq!((kind.as_str(), &data["retryable"]), ("streamcore.job.failed.v1", &json!(true)));
}

async fn a_job_waits_while_ffmpeg_is_missing(backend: Backend) {
    let kit = with_ffmpeg(backend, std::path::Path::new("/nowhere/ffmpeg")).await;
    let editor = editor();
    let order = source(&kit, &editor, Bytes::from_static(b"whatever")).await;
    let id = place(&kit, &order).await;
    let waiting = eventually("the job says what it waits for", async || {
        let seen = job(&kit, &editor, &id).await.value();
        seen["error"].is_string().then_some(seen)
    })
    .await;
    assert_eq!((&waiting["state"], &waiting["attempts"]), (&json!("queued"), &json!(0)));
    assert!(waiting["error"].as_str().unwrap().contains("install ffmpeg"), "{waiting}");
    let ready = kit.request_to(SERVICE, http::Method::GET, "/health/ready").send().await.expect(503);
    assert!(ready.text().contains("ffmpeg"), "{}", ready.text());
}

#[tokio::test]
async fn an_ffmpeg_that_is_killed_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = ffmpeg_that(folder.path(), "[ -e killed ] || { touch killed; kill -9 $$; }");
    let kit = with_ffmpeg(Backend::Sqlite, &ffmpeg).await;
    let editor = editor();
    let order = source(&kit, &editor, film(Format::Mp4, "160x90", 1).await).await;
    let id = place(&kit, &order).await;
    assert_eq!(becomes(&kit, &editor, &id, "succeeded").await["attempts"], 2);
}

/// Retries a job as somebody.
async fn retry(kit: &Testkit, by: &Person, id: &str) -> nexus_testkit::Reply {
    kit.post(&format!("/api/streamcore/jobs/{id}/retry")).bearer(kit.token(by)).send().await
}

#[tokio::test]
async fn a_person_tries_again_what_the_machine_failed() {
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = ffmpeg_that(folder.path(), "[ -e mended ] || kill -9 $$");
    let kit = with_ffmpeg(Backend::Sqlite, &ffmpeg).await;
    let editor = editor();
    let order = source(&kit, &editor, film(Format::Mp4, "160x90", 1).await).await;
    let id = place(&kit, &order).await;
    let failed = becomes(&kit, &editor, &id, "failed").await;
    assert_eq!(failed["attempts"], 3);
    assert_eq!(made(&kit, &order).await, Vec::<String>::new());
    std::fs::write(folder.path().join("mended"), "").unwrap();
    let waiting = retry(&kit, &editor, &id).await.expect(202).value();
    assert_eq!((&waiting["state"], &waiting["error"]), (&json!("queued"), &Value::Null));
    assert_eq!(waiting["retryable"], false);
    assert_eq!(becomes(&kit, &editor, &id, "succeeded").await["attempts"], 1);
    assert_eq!(retry(&kit, &editor, &id).await.expect(409).code(), "job-not-failed");
}

#[tokio::test]
async fn a_job_that_was_interrupted_by_a_stop_is_taken_up_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = ffmpeg_that(folder.path(), "while [ ! -e go ]; do sleep 0.05; done");
    let kit = with_ffmpeg(Backend::Sqlite, &ffmpeg).await;
    let editor = editor();
    let order = source(&kit, &editor, film(Format::Mp4, "160x90", 1).await).await;
    let id = place(&kit, &order).await;
    becomes(&kit, &editor, &id, "running").await;
    let kit = kit.restart(vec![streamcore::service()]).await;
    std::fs::write(folder.path().join("go"), "").unwrap();
    // The stop was nobody's fault and costs no attempt.
    assert_eq!(becomes(&kit, &editor, &id, "succeeded").await["attempts"], 1);
    assert_eq!(work_folders(&kit), 0);
}
