//! Calls that others are owed: each is made, in its order, however often it fails.

use std::sync::atomic::Ordering;
use std::time::Duration;

use nexus_contracts::streamcore::{JobFailed, JobId, JobProgressed, JobSucceeded};
use nexus_kernel::store::{Query, Scalar, Scope};
use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::json;
use uuid::Uuid;

use crate::on_each_database;
use crate::stand_in::StandIn;
use crate::support::{RENDITION, announce, attach, content, delete, editor, media_becomes, ready, start};

on_each_database!(
    new_media_is_ordered_once,
    an_order_is_repeated_until_it_is_taken,
    progress_and_failure_are_reported,
    a_report_waits_for_content_management,
    deleted_content_is_removed_and_nothing_more_is_said_about_it,
);

async fn orders(stand_in: &StandIn) -> usize {
    eventually("the order arrives", async || {
        let count = stand_in.orders.lock().unwrap().len();
        (count > 0).then_some(count)
    })
    .await
}

async fn new_media_is_ordered_once(backend: Backend) {
    let (kit, stand_in) = start(backend).await;
    let maker = editor();
    let id = attach(&kit, &maker).await;
    orders(&stand_in).await;
    let services = vec![streaming_service_v2::service(), content_management::service(), stand_in.service()];
    let kit = kit.restart(services).await;
    let second = attach(&kit, &maker).await;
    eventually("the second order arrives", async || (stand_in.orders.lock().unwrap().len() >= 2).then_some(())).await;
    let ordered: Vec<_> = stand_in.orders.lock().unwrap().iter().map(|order| order.content_id).collect();
    assert_eq!(ordered, [id, second]);
    let first = stand_in.orders.lock().unwrap()[0].clone();
    assert_eq!(first.tenant, maker.tenant);
    assert!(first.source_key.starts_with(&format!("uploads/{}/", maker.tenant)));
}

async fn an_order_is_repeated_until_it_is_taken(backend: Backend) {
    let (kit, stand_in) = start(backend).await;
    stand_in.refusals.store(3, Ordering::SeqCst);
    let id = attach(&kit, &editor()).await;
    eventually("the order is taken", async || {
        kit.clock.advance(Duration::from_secs(1));
        kit.context("streaming-service-v2").wake("call");
        (!stand_in.orders.lock().unwrap().is_empty()).then_some(())
    })
    .await;
    assert_eq!(stand_in.orders.lock().unwrap()[0].content_id, id);
}

async fn progress_and_failure_are_reported(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let content_id = attach(&kit, &maker).await;
    let job_id = JobId(Uuid::now_v7());
    for progress in [0.0, 0.25, 0.5] {
        announce(&kit, maker.tenant, &JobProgressed { job_id, content_id, progress }).await;
    }
    eventually("the last progress is known", async || {
        (content(&kit, &maker, content_id).await.value()["media"]["progress"] == json!(0.5)).then_some(())
    })
    .await;
    let error = "the file is incomplete".to_owned();
    announce(&kit, maker.tenant, &JobFailed { job_id, content_id, error: error.clone(), retryable: true }).await;
    assert_eq!(media_becomes(&kit, &maker, content_id, "failed").await["error"], error);
    // A retry begins anew, and may succeed.
    announce(&kit, maker.tenant, &JobProgressed { job_id, content_id, progress: 0.0 }).await;
    media_becomes(&kit, &maker, content_id, "processing").await;
    let done = JobSucceeded {
        job_id,
        content_id,
        duration_ms: 1_000,
        width: None,
        height: None,
        rendition: RENDITION.to_owned(),
    };
    announce(&kit, maker.tenant, &done).await;
    assert_eq!(media_becomes(&kit, &maker, content_id, "ready").await["duration_ms"], 1_000);
}

async fn a_report_waits_for_content_management(backend: Backend) {
    let (kit, stand_in) = start(backend).await;
    let maker = editor();
    let content_id = attach(&kit, &maker).await;
    orders(&stand_in).await;
    // content-management is away while the transcode ends.
    let kit = kit.restart(vec![streaming_service_v2::service(), stand_in.service()]).await;
    let done = JobSucceeded {
        job_id: JobId(Uuid::now_v7()),
        content_id,
        duration_ms: 1_000,
        width: None,
        height: None,
        rendition: RENDITION.to_owned(),
    };
    announce(&kit, maker.tenant, &done).await;
    let services = vec![streaming_service_v2::service(), content_management::service(), stand_in.service()];
    let kit = kit.restart(services).await;
    eventually("the report arrives", async || {
        kit.clock.advance(Duration::from_secs(1));
        kit.context("streaming-service-v2").wake("call");
        (content(&kit, &maker, content_id).await.expect(200).value()["media"]["state"] == "ready").then_some(())
    })
    .await;
}

/// Nothing is left to be called, and nothing was given up.
async fn nothing_is_owed(kit: &Testkit) {
    eventually("no call is owed", async || {
        let mut reader = kit.context("streaming-service-v2").store.read(Scope::System);
        let Scalar(count): Scalar<i64> =
            reader.query_one("SELECT COUNT(*) AS count FROM tasks", Vec::new()).await.unwrap();
        (count == 0).then_some(())
    })
    .await;
    let dead = kit
        .context("streaming-service-v2")
        .store
        .read(Scope::System)
        .query_one("SELECT COUNT(*) AS count FROM _parked WHERE state = 'dead'", Vec::new())
        .await;
    let Scalar(dead): Scalar<i64> = dead.unwrap();
    assert_eq!(dead, 0);
}

async fn deleted_content_is_removed_and_nothing_more_is_said_about_it(backend: Backend) {
    let (kit, stand_in) = start(backend).await;
    let maker = editor();
    let id = ready(&kit, &maker).await;
    delete(&kit, &maker, id).await;
    eventually("streamcore is told", async || (*stand_in.removals.lock().unwrap() == [id]).then_some(())).await;
    // A transcode that ends too late is nobody's business any more.
    let late = JobSucceeded {
        job_id: JobId(Uuid::now_v7()),
        content_id: id,
        duration_ms: 1,
        width: None,
        height: None,
        rendition: RENDITION.to_owned(),
    };
    announce(&kit, maker.tenant, &late).await;
    let after = ready(&kit, &maker).await;
    let _ = content(&kit, &maker, after).await.expect(200);
    nothing_is_owed(&kit).await;
    let _ = content(&kit, &maker, id).await.expect(404);
}
