//! The whole way: a file is uploaded, becomes playable, is played, and leaves nothing when it goes.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use nexus_contracts::content_management::ContentId;
use nexus_contracts::streaming_service_v2::SERVICE;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Testkit, eventually, eventually_within};
use serde_json::Value;
use tokio::process::Command;

use crate::on_each_database;
use crate::support::{act, ask, beside, content, delete, editor, playback, show_to};

on_each_database!(from_upload_to_playback_and_away, files_that_can_not_be_played_leave_nothing);

/// The trace of the request that begins an upload (W3C Trace Context section 3.2.2.3).
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// How long a transcode may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(2);

async fn start(backend: Backend) -> Testkit {
    let services = vec![
        puabo_dsp_upload_mgr::service(),
        content_management::service(),
        streamcore::service(),
        streaming_service_v2::service(),
    ];
    Testkit::start(backend, services).await
}

/// A film of two seconds with a tone: H.264 and AAC in MP4.
async fn film() -> Bytes {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mp4");
    let made = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-hide_banner",
            "-loglevel",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=160x90:rate=25:duration=2",
        ])
        .args([
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:duration=2",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
        ])
        .args(["-c:a", "aac", "-shortest"])
        .arg(&file)
        .status()
        .await
        .expect("ffmpeg is installed; `make test` installs it");
    assert!(made.success());
    std::fs::read(file).unwrap().into()
}

/// Uploads a file in two parts; the upload's id.
async fn upload(kit: &Testkit, by: &Person, bytes: Bytes) -> String {
    let tus =
        |method: Method, path: &str| kit.request(method, path).bearer(kit.token(by)).header("tus-resumable", "1.0.0");
    let made = tus(Method::POST, "/api/dsp/upload/files")
        .header("upload-length", bytes.len().to_string())
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .send()
        .await;
    let location = made.expect(201).header("location");
    let half = bytes.len() / 2;
    for (offset, part) in [(0, bytes.slice(..half)), (half, bytes.slice(half..))] {
        let sent = tus(Method::PATCH, &location)
            .header("upload-offset", offset.to_string())
            .header("content-type", "application/offset+octet-stream")
            .bytes(part)
            .send()
            .await;
        let _ = sent.expect(204);
    }
    location.rsplit('/').next().unwrap().to_owned()
}

/// Waits until the upload ended like this.
async fn upload_becomes(kit: &Testkit, by: &Person, id: &str, state: &str) -> Value {
    eventually_within(PATIENCE, &format!("the upload is {state}"), async || {
        let path = format!("/api/dsp/upload/uploads/{id}");
        let upload = kit.get(&path).bearer(kit.token(by)).send().await.expect(200).value();
        (upload["state"] == state).then_some(upload)
    })
    .await
}

/// What a service has announced, as types of events that belong to the upload's trace.
async fn traced(kit: &Testkit, service: &str) -> Vec<String> {
    let log = kit.request_to(service, Method::GET, "/internal/events?after=0&limit=500").from_service(SERVICE);
    let events = log.send().await.expect(200).value();
    let of_trace = |event: &&Value| event["traceparent"].as_str().is_some_and(|parent| parent.contains(TRACE));
    let types = events.as_array().unwrap().iter().filter(of_trace).map(|event| event["type"].as_str().unwrap());
    types.map(str::to_owned).collect()
}

async fn from_upload_to_playback_and_away(backend: Backend) {
    let kit = start(backend).await;
    let maker = editor();
    let upload = upload(&kit, &maker, film().await).await;
    let accepted = upload_becomes(&kit, &maker, &upload, "accepted").await;
    let id: ContentId = accepted["content_id"].as_str().unwrap().parse().unwrap();
    let media = eventually_within(PATIENCE, "it can be played", async || {
        let media = content(&kit, &maker, id).await.expect(200).value()["media"].clone();
        assert_ne!(media["state"], "failed", "{media}");
        (media["state"] == "ready").then_some(media)
    })
    .await;
    assert!((1_900..2_300).contains(&media["duration_ms"].as_i64().unwrap()), "{media}");

    // From the first request to the packager it is one trace.
    assert_eq!(traced(&kit, "content-management").await, ["content-management.content.media-attached.v1"]);
    assert!(traced(&kit, "streamcore").await.contains(&"streamcore.job.succeeded.v1".to_owned()));

    // A draft is its maker's: nobody else finds it.
    let member = Person::of(maker.tenant, Role::Member);
    for other in [None, Some(&member), Some(&Person::new(Role::Owner))] {
        let _ = ask(&kit, other, id).await.expect(404);
    }
    let signed = playback(&kit, Some(&maker), id).await;
    assert!(signed.expires_at.is_some());
    let master = kit.get(&signed.hls_url).send().await.expect(200).text();
    let rendition = master.lines().find(|line| line.ends_with("p/index.m3u8")).unwrap();
    let playlist = kit.get(&beside(&signed, rendition)).send().await.expect(200).text();
    let folder = rendition.strip_suffix("index.m3u8").unwrap();
    let segment = playlist.lines().find(|line| !line.starts_with('#')).unwrap();
    let fetch = async |name: &str| kit.get(&beside(&signed, &format!("{folder}{name}"))).send().await.expect(200).body;
    let (init, whole) = (fetch("init.mp4").await, fetch(segment).await);
    check_decodes(&[init, whole.clone()].concat()).await;
    let part =
        kit.get(&beside(&signed, &format!("{folder}{segment}"))).header("range", "bytes=4-7").send().await.expect(206);
    assert_eq!(part.body, whole.slice(4..8));

    // Out, everybody plays it; taken back, nobody does.
    show_to(&kit, &maker, id, "public").await;
    act(&kit, &maker, id, "publish").await;
    let public = playback(&kit, None, id).await;
    eventually("everybody plays it", async || (kit.get(&public.hls_url).send().await.status == 200).then_some(()))
        .await;
    act(&kit, &maker, id, "unpublish").await;
    eventually("nobody plays it", async || (kit.get(&public.hls_url).send().await.status == 404).then_some(())).await;

    // Deleted, nothing of it is left.
    delete(&kit, &maker, id).await;
    nothing_is_left(&kit, &maker).await;
    let _ = kit.get(&signed.hls_url).send().await.expect(404);
}

/// The blob store has nothing of the organisation any more, neither sources nor renditions.
async fn nothing_is_left(kit: &Testkit, of: &Person) {
    let blobs = &kit.context(SERVICE).blobs;
    eventually("nothing is left", async || {
        let sources = blobs.list(&format!("uploads/{}", of.tenant)).await.unwrap();
        let renditions = blobs.list(&format!("streamcore/{}", of.tenant)).await.unwrap();
        (sources.is_empty() && renditions.is_empty()).then_some(())
    })
    .await;
}

async fn check_decodes(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.mp4");
    std::fs::write(&file, bytes).unwrap();
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0"])
        .arg(&file)
        .output()
        .await
        .unwrap();
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && complaints.is_empty(), "{complaints}");
    let frames: u32 = said.trim().strip_prefix("h264,").unwrap_or_else(|| panic!("{said}")).parse().unwrap();
    assert!(frames >= 45, "{frames} frames");
}

async fn files_that_can_not_be_played_leave_nothing(backend: Backend) {
    let kit = start(backend).await;
    let maker = editor();
    let whole = film().await;
    let text = upload(&kit, &maker, Bytes::from("Dear diary, today I made no film.\n")).await;
    let refused = upload_becomes(&kit, &maker, &text, "refused").await;
    assert!(refused["error"].as_str().unwrap().contains("is a text"), "{refused}");
    let truncated = upload(&kit, &maker, whole.slice(..whole.len() * 2 / 3)).await;
    let refused = upload_becomes(&kit, &maker, &truncated, "refused").await;
    assert!(refused["error"].as_str().unwrap().contains("the file is incomplete"), "{refused}");
    nothing_is_left(&kit, &maker).await;
    let blobs = &kit.context("puabo-dsp-upload-mgr").blobs;
    eventually("no unfinished file is left", async || blobs.list("incoming").await.unwrap().is_empty().then_some(()))
        .await;
}
