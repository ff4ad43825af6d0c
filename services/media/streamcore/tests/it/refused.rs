//! Files that can't be played: each says why, at the first attempt, and leaves nothing behind.

use bytes::Bytes;
use nexus_testkit::Backend;

use crate::film::{Format, film};
use crate::on_each_database;
use crate::support::{alone, announced, becomes, editor, made, place, source, work_folders};

on_each_database!(what_is_no_media_fails_with_the_reason);

/// Orders a transcode of these bytes that must fail for good; the reason.
async fn refused(backend: Backend, bytes: Bytes) -> String {
    let kit = alone(backend).await;
    let editor = editor();
    let order = source(&kit, &editor, bytes).await;
    let id = place(&kit, &order).await;
    let job = becomes(&kit, &editor, &id, "failed").await;
    assert_eq!((&job["attempts"], &job["retryable"]), (&1.into(), &false.into()), "{job}");
    assert_eq!(made(&kit, &order).await, Vec::<String>::new());
    assert_eq!(work_folders(&kit), 0);
    let (kind, data) = announced(&kit, &order).await.pop().unwrap();
    assert_eq!((kind.as_str(), &data["retryable"]), ("streamcore.job.failed.v1", &serde_json::json!(false)));
    assert_eq!(data["error"], job["error"]);
    let reason = job["error"].as_str().unwrap().to_owned();
    assert!(!reason.contains(&*kit.folder().to_string_lossy()), "{reason}");
    reason
}

async fn what_is_no_media_fails_with_the_reason(backend: Backend) {
    let text = Bytes::from("Dear diary, today I made no film.\n".repeat(200));
    assert_eq!(refused(backend, text).await, "the file is damaged, or it is not a media file");
}

#[tokio::test]
async fn an_empty_file_fails_with_the_reason() {
    assert_eq!(refused(Backend::Sqlite, Bytes::new()).await, "the file is damaged, or it is not a media file");
}

#[tokio::test]
async fn a_film_without_its_index_fails_with_the_reason() {
    let whole = film(Format::Mp4, "320x180", 2).await;
    let reason = refused(Backend::Sqlite, whole.slice(..whole.len() / 2)).await;
    assert!(reason.contains("moov atom") && reason.contains("cut off"), "{reason}");
}

#[tokio::test]
async fn a_film_that_ends_too_early_fails_with_the_reason() {
    let whole = film(Format::Webm, "320x180", 4).await;
    let reason = refused(Backend::Sqlite, whole.slice(..whole.len() / 2)).await;
    assert!(reason.contains("the file is incomplete"), "{reason}");
}

#[tokio::test]
async fn a_playlist_can_not_make_ffmpeg_open_other_files() {
    let playlist = Bytes::from("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n");
    let reason = refused(Backend::Sqlite, playlist).await;
    assert!(!reason.contains("passwd"), "{reason}");
}
