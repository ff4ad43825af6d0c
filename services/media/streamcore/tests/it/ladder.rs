//! Real films become ladders that ffprobe and ffmpeg accept.

use nexus_testkit::{Backend, Person, Testkit};
use serde_json::{Value, json};

use nexus_contracts::streamcore::OrderTranscode;

use crate::film::{Format, decode, film, probe};
use crate::support::{alone, announced, becomes, editor, file, made, place, source, work_folders};

/// Has a film transcoded, and checks what holds for every film.
async fn transcoded(backend: Backend, format: Format, size: &str) -> (Testkit, Person, OrderTranscode, Value) {
    let kit = alone(backend).await;
    let editor = editor();
    let order = source(&kit, &editor, film(format, size, 2).await).await;
    let id = place(&kit, &order).await;
    let job = becomes(&kit, &editor, &id, "succeeded").await;
    assert_eq!((&job["progress"], &job["attempts"], &job["error"]), (&json!(1.0), &json!(1), &Value::Null));
    assert_eq!(work_folders(&kit), 0);
    // The same order again finds the same job, and makes nothing anew.
    assert_eq!(place(&kit, &order).await, id);
    assert_eq!(becomes(&kit, &editor, &id, "succeeded").await, job);
    (kit, editor, order, job)
}

/// The codecs that a playlist leads to, each once.
async fn codecs(kit: &Testkit, order: &OrderTranscode, name: &str) -> Vec<String> {
    let report = probe(&file(kit, order, name).await).await;
    let streams = report["streams"].as_array().unwrap();
    let mut codecs: Vec<_> = streams.iter().map(|stream| stream["codec_name"].as_str().unwrap().to_owned()).collect();
    codecs.sort_unstable();
    codecs.dedup();
    codecs
}

async fn check_length(kit: &Testkit, order: &OrderTranscode) {
    let report = probe(&file(kit, order, "master.m3u8").await).await;
    let seconds: f64 = report["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((1.9..2.2).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn an_mp4_becomes_a_ladder_with_poster_and_thumbnails() {
    let (kit, _, order, job) = transcoded(Backend::Sqlite, Format::Mp4, "640x360").await;
    assert_eq!(job["ladder"], json!([{"height": 360, "bitrate_kbps": 800}, {"height": 240, "bitrate_kbps": 400}]));
    let files = made(&kit, &order).await;
    for expected in [
        "240p/00000.m4s",
        "240p/init.mp4",
        "360p/index.m3u8",
        "audio/index.m3u8",
        "master.m3u8",
        "poster.jpg",
        "thumbs/4.jpg",
    ] {
        assert!(files.iter().any(|name| name == expected), "{expected} is not among {files:?}");
    }
    assert_eq!(codecs(&kit, &order, "master.m3u8").await, ["aac", "h264"]);
    check_length(&kit, &order).await;
    for playlist in ["360p/index.m3u8", "240p/index.m3u8", "audio/index.m3u8"] {
        decode(&file(&kit, &order, playlist).await).await;
    }
    for (rung, height) in [("360p", 360), ("240p", 240)] {
        let report = probe(&file(&kit, &order, &format!("{rung}/index.m3u8")).await).await;
        assert_eq!(report["streams"][0]["height"], height);
    }
    let poster = probe(&file(&kit, &order, "poster.jpg").await).await;
    assert_eq!((&poster["streams"][0]["width"], &poster["streams"][0]["height"]), (&json!(640), &json!(360)));
    let events = announced(&kit, &order).await;
    let (last, data) = events.last().unwrap();
    assert_eq!(last, "streamcore.job.succeeded.v1");
    assert_eq!((&data["width"], &data["height"]), (&json!(640), &json!(360)));
    assert!((1_900..2_200).contains(&data["duration_ms"].as_u64().unwrap()), "{data}");
    assert!(events[..events.len() - 1].iter().all(|(kind, _)| kind == "streamcore.job.progressed.v1"), "{events:?}");
}

#[tokio::test]
async fn a_webm_becomes_a_ladder() {
    let (kit, _, order, job) = transcoded(Backend::Postgres, Format::Webm, "320x180").await;
    assert_eq!(job["ladder"][0]["height"], 180);
    assert_eq!(codecs(&kit, &order, "master.m3u8").await, ["aac", "h264"]);
    check_length(&kit, &order).await;
    decode(&file(&kit, &order, "180p/index.m3u8").await).await;
}

#[tokio::test]
async fn a_quicktime_film_becomes_a_ladder() {
    let (kit, _, order, _) = transcoded(Backend::Sqlite, Format::Mov, "320x180").await;
    assert_eq!(codecs(&kit, &order, "master.m3u8").await, ["aac", "h264"]);
    check_length(&kit, &order).await;
    decode(&file(&kit, &order, "180p/index.m3u8").await).await;
}

#[tokio::test]
async fn a_sound_becomes_a_stream_with_a_picture_of_it() {
    let (kit, _, order, job) = transcoded(Backend::Postgres, Format::Mp3, "16x16").await;
    assert_eq!(job["ladder"], json!([]));
    assert_eq!(codecs(&kit, &order, "master.m3u8").await, ["aac"]);
    decode(&file(&kit, &order, "audio/index.m3u8").await).await;
    let poster = probe(&file(&kit, &order, "poster.jpg").await).await;
    assert_eq!(poster["streams"][0]["codec_name"], "mjpeg");
    let (_, data) = announced(&kit, &order).await.pop().unwrap();
    assert_eq!((&data["width"], &data["height"]), (&Value::Null, &Value::Null));
}
