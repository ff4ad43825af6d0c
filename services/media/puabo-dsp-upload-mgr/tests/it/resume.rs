//! Connections and processes that break: what was acknowledged stays, and what arrived is used.

use std::io::{Error, Write};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::future::{Either, join, select};
use futures::{SinkExt, StreamExt};
use http::StatusCode;
use nexus_testkit::Backend;

use crate::on_each_database;
use crate::support::{
    becomes, create, editor, film, id, listed, offset, part, services, start, stored, stream, unfinished,
};

on_each_database!(
    a_broken_connection_keeps_what_arrived,
    a_dropped_request_keeps_what_arrived,
    a_long_part_is_durable_before_its_end,
    who_comes_next_takes_over_from_a_dead_connection,
    bytes_that_were_never_acknowledged_are_cut_off,
    an_upload_goes_on_after_a_restart,
    a_body_that_does_not_end_in_time_is_not_read_beyond_the_file,
);

async fn a_broken_connection_keeps_what_arrived(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(2_000));
    let location = create(&kit, &editor, film.len()).await;
    let body = futures::stream::iter([Ok(film.slice(..700)), Ok(film.slice(700..1_100)), Err(Error::other("reset"))]);
    let (status, code) = stream(&kit, &editor, &location, 0, &[], body).await;
    assert_eq!((status, code.as_str()), (StatusCode::BAD_REQUEST, "body-cut-off"));
    assert_eq!(offset(&kit, &editor, &location).await, 1_100);
    let _ = part(&kit, &editor, &location, 1_100, film.slice(1_100..)).send().await.expect(204);
    becomes(&kit, &editor, &location, "accepted").await;
    assert_eq!(kept(&kit, &editor, &location).await, film);
}

/// What the blob store has of the upload.
async fn kept(kit: &nexus_testkit::Testkit, by: &nexus_testkit::Person, location: &str) -> Bytes {
    let key = nexus_contracts::puabo_dsp_upload_mgr::source_key(by.tenant, id(location).parse().unwrap());
    kit.context("puabo-dsp-upload-mgr").blobs.get(&key).await.unwrap()
}

async fn a_dropped_request_keeps_what_arrived(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(2_000));
    let location = create(&kit, &editor, film.len()).await;
    let (mut send, receive) = mpsc::channel(0);
    {
        let request = Box::pin(stream(&kit, &editor, &location, 0, &[], receive));
        let sending = Box::pin(async {
            send.send(Ok(film.slice(..900))).await.unwrap();
            // Taken: the channel has room for the next only once the first was read.
            send.send(Ok(film.slice(900..1_000))).await.unwrap();
        });
        assert!(matches!(select(request, sending).await, Either::Right(_)));
    }
    // The server forgets the request, then the connection closes.
    drop(send);
    assert_eq!(offset(&kit, &editor, &location).await, 1_000);
}

async fn a_long_part_is_durable_before_its_end(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(20 << 20));
    let location = create(&kit, &editor, film.len()).await;
    let (mut send, receive) = mpsc::channel(0);
    let request = Box::pin(stream(&kit, &editor, &location, 0, &[], receive));
    let watching = Box::pin(async {
        for place in (0..17 << 20).step_by(1 << 20) {
            send.send(Ok(film.slice(place..place + (1 << 20)))).await.unwrap();
        }
        nexus_testkit::eventually("the offset is stored while the part runs", async || {
            let seen = listed(&kit, &editor, &location).await.expect(200).value()["offset"].as_u64().unwrap();
            (seen >= 16 << 20).then_some(())
        })
        .await;
    });
    assert!(matches!(select(request, watching).await, Either::Right(_)));
}

async fn who_comes_next_takes_over_from_a_dead_connection(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(2_000));
    let location = create(&kit, &editor, film.len()).await;
    // The first sender falls silent without closing its connection.
    let (mut send, receive) = mpsc::channel(0);
    let first = stream(&kit, &editor, &location, 0, &[], receive);
    let second = async {
        send.send(Ok(film.slice(..600))).await.unwrap();
        let two_at_once = part(&kit, &editor, &location, 0, film.clone()).send().await.expect(409);
        assert_eq!(two_at_once.code(), "wrong-offset");
        assert_eq!(offset(&kit, &editor, &location).await, 600);
        let _ = part(&kit, &editor, &location, 600, film.slice(600..)).send().await.expect(204);
    };
    let ((status, code), ()) = join(first, second).await;
    assert_eq!((status, code.as_str()), (StatusCode::LOCKED, "upload-locked"));
    becomes(&kit, &editor, &location, "accepted").await;
    assert_eq!(kept(&kit, &editor, &location).await, film);
}

async fn bytes_that_were_never_acknowledged_are_cut_off(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(300));
    let location = create(&kit, &editor, film.len()).await;
    let _ = part(&kit, &editor, &location, 0, film.slice(..100)).send().await.expect(204);
    // What a process leaves that was killed after it wrote and before it stored the offset.
    let key = unfinished(&kit, &location).await.remove(0);
    let path = kit.context("puabo-dsp-upload-mgr").blobs.local_path(&key).unwrap();
    let mut on_disk = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    on_disk.write_all(&[0xee; 150]).unwrap();
    assert_eq!(offset(&kit, &editor, &location).await, 100);
    let _ = part(&kit, &editor, &location, 100, film.slice(100..)).send().await.expect(204);
    becomes(&kit, &editor, &location, "accepted").await;
    assert_eq!(kept(&kit, &editor, &location).await, film);
}

async fn an_upload_goes_on_after_a_restart(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(300));
    let location = create(&kit, &editor, film.len()).await;
    let _ = part(&kit, &editor, &location, 0, film.slice(..120)).send().await.expect(204);
    let kit = kit.restart(services()).await;
    assert_eq!(offset(&kit, &editor, &location).await, 120);
    let _ = part(&kit, &editor, &location, 120, film.slice(120..)).send().await.expect(204);
    becomes(&kit, &editor, &location, "accepted").await;
    assert_eq!(stored(&kit, &editor, &location).await, Some(300));
}

async fn a_body_that_does_not_end_in_time_is_not_read_beyond_the_file(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(1_000));
    let location = create(&kit, &editor, film.len()).await;
    let endless = futures::stream::repeat_with(|| Ok(Bytes::from_static(&[7; 400]))).boxed();
    let (status, code) = stream(&kit, &editor, &location, 0, &[], endless).await;
    assert_eq!((status, code.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "more-than-announced"));
    assert_eq!(offset(&kit, &editor, &location).await, 0);
}
