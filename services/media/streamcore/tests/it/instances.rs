//! Two instances of the service on one database, with their files in one folder or in one bucket.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use nexus_contracts::streamcore::{OrderTranscode, SERVICE};
use nexus_kernel::config::BlobConfig;
use nexus_kernel::events::LocalCarrier;
use nexus_kernel::params;
use nexus_testkit::{Backend, Bucket, Testkit, eventually, eventually_within};
use serde_json::json;

use crate::film::{Format, film};
use crate::support::{
    PATIENCE, announced, attempts, becomes, editor, ffmpeg_that, job, made, place, remove, source, work_folders,
};

/// Two instances that transcode one film at a time each, and only while there is a file `go` in the folder.
async fn two(files: BlobConfig, folder: &Path) -> (Testkit, Testkit) {
    let ffmpeg = ffmpeg_that(folder, "while [ ! -e go ]; do sleep 0.05; done");
    let one = Testkit::start_with(Backend::Postgres, vec![streamcore::service()], |config| {
        config.blobs = files;
        config.media.ffmpeg = ffmpeg;
        config.media.transcodes = 1;
    })
    .await;
    let other = one.another(Arc::new(LocalCarrier::new()), vec![streamcore::service()]).await;
    (one, other)
}

fn go(folder: &Path) {
    std::fs::write(folder.join("go"), "").unwrap();
}

/// Ends a job's lease as if its process had been silent for too long, and has the other instance look.
async fn falls_silent(kit: &Testkit, order: &OrderTranscode) {
    let mut tx = kit.context(SERVICE).store.begin(order.tenant).await.unwrap();
    let sql = "UPDATE jobs SET lease_until = 0 WHERE tenant_id = :tenant AND content_id = $1 AND state = 'running'";
    assert_eq!(tx.execute(sql, params![order.content_id]).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn both_instances_take_orders_and_none_is_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = two(BlobConfig::default(), folder.path()).await;
    let editor = editor();
    let film = film(Format::Mp4, "160x90", 1).await;
    let mut orders = Vec::new();
    for _ in 0..3 {
        let order = source(&one, &editor, film.clone()).await;
        let id = place(&one, &order).await;
        // Ordering again at the other instance finds the same job.
        assert_eq!(place(&other, &order).await, id);
        orders.push((order, id));
    }
    eventually("each instance works on one", async || {
        let mut running = 0;
        for (_, id) in &orders {
            running += usize::from(job(&other, &editor, id).await.value()["state"] == "running");
        }
        (running == 2).then_some(())
    })
    .await;
    go(folder.path());
    for (order, id) in &orders {
        assert_eq!(becomes(&other, &editor, id, "succeeded").await["attempts"], 1);
        let ends: Vec<_> =
            announced(&one, order).await.into_iter().filter(|(kind, _)| kind.ends_with("succeeded.v1")).collect();
        assert_eq!(ends.len(), 1);
        assert_eq!(json!(attempts(&one, order).await), json!([ends[0].1["rendition"]]));
        assert!(made(&other, order).await.contains(&"master.m3u8".to_owned()));
    }
    assert_eq!(work_folders(&one), 0);
}

#[tokio::test]
async fn an_attempt_that_was_given_up_for_dead_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = two(BlobConfig::default(), folder.path()).await;
    let editor = editor();
    let order = source(&one, &editor, film(Format::Mp4, "160x90", 1).await).await;
    let id = place(&one, &order).await;
    becomes(&one, &editor, &id, "running").await;
    falls_silent(&one, &order).await;
    other.context(SERVICE).wake("transcode");
    eventually_within(PATIENCE, "the other instance takes it up", async || {
        let seen = job(&other, &editor, &id).await.value();
        (seen["attempts"] == 2 && seen["state"] == "running").then_some(())
    })
    .await;
    go(folder.path());
    assert_eq!(becomes(&one, &editor, &id, "succeeded").await["attempts"], 2);
    let counts = announced(&one, &order).await.pop().unwrap().1["rendition"].clone();
    eventually("only what counts is left", async || {
        (json!(attempts(&one, &order).await) == json!([counts]) && work_folders(&one) == 0).then_some(())
    })
    .await;
    assert!(made(&one, &order).await.contains(&"master.m3u8".to_owned()));
}

#[tokio::test]
async fn a_film_goes_from_a_bucket_into_the_bucket_and_leaves_nothing_here() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = two(Bucket::of_this_test().await.blobs(), folder.path()).await;
    go(folder.path());
    let editor = editor();
    let order = source(&one, &editor, film(Format::Mp4, "160x90", 5).await).await;
    let id = place(&other, &order).await;
    becomes(&one, &editor, &id, "succeeded").await;
    let names = made(&other, &order).await;
    for name in ["90p/00000.m4s", "90p/init.mp4", "audio/index.m3u8", "master.m3u8", "poster.jpg", "thumbs/1.jpg"] {
        assert!(names.contains(&name.to_owned()), "{name} of {names:?}");
    }
    assert_eq!(work_folders(&one), 0);
    let refused = source(&one, &editor, Bytes::from_static(b"no film")).await;
    let refused_id = place(&one, &refused).await;
    becomes(&other, &editor, &refused_id, "failed").await;
    assert_eq!(attempts(&one, &refused).await, Vec::<String>::new());
    let _ = remove(&other, &order).await.expect(204);
    eventually("the renditions are gone", async || made(&one, &order).await.is_empty().then_some(())).await;
}
