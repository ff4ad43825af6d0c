//! Content that is gone: its jobs stop, and what they made goes.

use bytes::Bytes;
use nexus_testkit::{Backend, eventually};

use crate::film::{Format, film};
use crate::on_each_database;
use crate::support::{
    alone, becomes, editor, ffmpeg_that, job, made, place, remove, source, with_ffmpeg, work_folders,
};

on_each_database!(what_was_made_is_removed, removing_what_is_not_there_is_no_error);

async fn what_was_made_is_removed(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let order = source(&kit, &editor, film(Format::Mp4, "160x90", 1).await).await;
    let id = place(&kit, &order).await;
    becomes(&kit, &editor, &id, "succeeded").await;
    assert!(!made(&kit, &order).await.is_empty());
    let _ = remove(&kit, &order).await.expect(204);
    eventually("the renditions are gone", async || made(&kit, &order).await.is_empty().then_some(())).await;
    let _ = job(&kit, &editor, &id).await.expect(404);
}

async fn removing_what_is_not_there_is_no_error(backend: Backend) {
    let kit = alone(backend).await;
    let order = source(&kit, &editor(), Bytes::from_static(b"whatever")).await;
    let _ = remove(&kit, &order).await.expect(204);
    let _ = remove(&kit, &order).await.expect(204);
}

#[tokio::test]
async fn a_running_transcode_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = ffmpeg_that(folder.path(), "echo $$ > started; while :; do sleep 0.05; done");
    let kit = with_ffmpeg(Backend::Sqlite, &ffmpeg).await;
    let editor = editor();
    let order = source(&kit, &editor, film(Format::Mp4, "160x90", 1).await).await;
    let id = place(&kit, &order).await;
    let started = folder.path().join("started");
    let process = eventually("ffmpeg runs", async || {
        std::fs::read_to_string(&started).ok().and_then(|text| text.trim().parse::<u32>().ok())
    })
    .await;
    let _ = remove(&kit, &order).await.expect(204);
    eventually("ffmpeg is stopped", async || {
        (!std::path::Path::new(&format!("/proc/{process}")).exists()).then_some(())
    })
    .await;
    eventually("nothing is left", async || {
        (work_folders(&kit) == 0 && made(&kit, &order).await.is_empty()).then_some(())
    })
    .await;
    let _ = job(&kit, &editor, &id).await.expect(404);
}
