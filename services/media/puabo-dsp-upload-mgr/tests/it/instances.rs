//! Two instances of the service on one database, with their files in one folder or in one bucket: whichever has an upload,
//! the other goes on with it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt;
use futures::channel::mpsc;
use futures::future::{Either, join, select};
use http::StatusCode;
use nexus_contracts::puabo_dsp_upload_mgr::{SERVICE, source_key};
use nexus_kernel::config::BlobConfig;
use nexus_kernel::events::LocalCarrier;
use nexus_kernel::params;
use nexus_testkit::{Backend, Bucket, Person, Testkit, eventually};

use crate::support::{becomes, create, editor, film, id, offset, part, services, stream, unfinished, upload};

/// Declares each test on both kinds of file store.
macro_rules! on_each_store {
    ($($name:ident),+ $(,)?) => {
        mod folder {
            $(#[tokio::test]
            async fn $name() {
                Box::pin(super::$name(nexus_kernel::config::BlobConfig::default())).await;
            })+
        }
        mod s3 {
            $(#[tokio::test]
            async fn $name() {
                Box::pin(super::$name(super::Bucket::of_this_test().await.blobs())).await;
            })+
        }
    };
}

on_each_store!(
    an_upload_goes_on_at_another_instance,
    an_upload_in_many_parts_is_whole,
    a_part_that_still_arrives_is_put_away_when_another_instance_is_asked,
    another_instance_takes_over_from_a_connection_that_died,
    the_upload_of_an_instance_that_died_is_taken_over,
    an_instance_that_wakes_late_harms_nothing,
    a_part_with_a_wrong_checksum_leaves_nothing,
    an_upload_that_ends_at_one_instance_is_gone_at_the_other,
    a_complete_upload_is_checked_once,
    a_file_whose_bytes_are_gone_is_refused,
);

async fn two(files: BlobConfig) -> (Testkit, Testkit) {
    let one = Testkit::start_with(Backend::Postgres, services(), |config| config.blobs = files).await;
    let other = one.another(Arc::new(LocalCarrier::new()), services()).await;
    (one, other)
}

/// What the file store has of a finished upload.
async fn kept(kit: &Testkit, by: &Person, location: &str) -> Bytes {
    kit.context(SERVICE).blobs.get(&source_key(by.tenant, id(location).parse().unwrap())).await.unwrap()
}

async fn an_upload_goes_on_at_another_instance(files: BlobConfig) {
    let (one, other) = two(files).await;
    let (editor, film) = (editor(), film(3_000));
    let location = create(&one, &editor, film.len()).await;
    let _ = part(&one, &editor, &location, 0, film.slice(..1_000)).send().await.expect(204);
    assert_eq!(offset(&other, &editor, &location).await, 1_000);
    let _ = part(&other, &editor, &location, 1_000, film.slice(1_000..1_800)).send().await.expect(204);
    let behind = part(&one, &editor, &location, 1_000, film.slice(1_000..)).send().await.expect(409);
    assert_eq!(behind.code(), "wrong-offset");
    let _ = part(&one, &editor, &location, 1_800, film.slice(1_800..)).send().await.expect(204);
    becomes(&other, &editor, &location, "accepted").await;
    assert!(kept(&other, &editor, &location).await == film);
    eventually("nothing unfinished is left", async || unfinished(&one, &location).await.is_empty().then_some(())).await;
}

async fn an_upload_in_many_parts_is_whole(files: BlobConfig) {
    let (one, other) = two(files).await;
    let (editor, film) = (editor(), film(20 << 20));
    let location = create(&one, &editor, film.len()).await;
    let mut place = 0;
    // Longer and shorter than what goes to a bucket at once, and the first one shorter than what is looked at.
    for (kit, end) in [(&one, 1_000), (&one, 9 << 20), (&other, 10 << 20), (&other, 11 << 20), (&one, 20 << 20)] {
        let _ = part(kit, &editor, &location, place, film.slice(place..end)).send().await.expect(204);
        place = end;
    }
    becomes(&other, &editor, &location, "accepted").await;
    assert!(kept(&one, &editor, &location).await == film);
}

async fn a_part_that_still_arrives_is_put_away_when_another_instance_is_asked(files: BlobConfig) {
    let (one, other) = two(files).await;
    let (editor, film) = (editor(), film(2_000));
    let location = create(&one, &editor, film.len()).await;
    // The sender falls silent without closing its connection.
    let (mut send, receive) = mpsc::channel(0);
    let sender = stream(&one, &editor, &location, 0, &[], receive);
    let asker = async {
        send.send(Ok(film.slice(..700))).await.unwrap();
        send.send(Ok(film.slice(700..800))).await.unwrap();
        assert_eq!(offset(&other, &editor, &location).await, 800);
    };
    let ((status, code), ()) = join(sender, asker).await;
    assert_eq!((status, code.as_str()), (StatusCode::LOCKED, "upload-locked"));
}

async fn another_instance_takes_over_from_a_connection_that_died(files: BlobConfig) {
    let (one, other) = two(files).await;
    let (editor, film) = (editor(), film(2_000));
    let location = create(&one, &editor, film.len()).await;
    let (mut send, receive) = mpsc::channel(0);
    {
        let request = Box::pin(stream(&one, &editor, &location, 0, &[], receive));
        let sending = Box::pin(async {
            send.send(Ok(film.slice(..900))).await.unwrap();
            send.send(Ok(film.slice(900..1_000))).await.unwrap();
        });
        assert!(matches!(select(request, sending).await, Either::Right(_)));
    }
    drop(send);
    assert_eq!(offset(&other, &editor, &location).await, 1_000);
    let _ = part(&other, &editor, &location, 1_000, film.slice(1_000..)).send().await.expect(204);
    becomes(&one, &editor, &location, "accepted").await;
    assert!(kept(&one, &editor, &location).await == film);
}

/// Says in the database that a process has the upload; none has when `writer` is empty.
async fn held_by(kit: &Testkit, by: &Person, location: &str, writer: Option<&str>) {
    let mut tx = kit.context(SERVICE).store.begin(by.tenant).await.unwrap();
    let until = writer.map(|_| kit.now().plus(Duration::from_secs(5)));
    let sql = "UPDATE uploads SET writer = $2, writer_until = $3 WHERE tenant_id = :tenant AND id = $1";
    let writer = writer.map(str::to_owned);
    assert_eq!(tx.execute(sql, params![id(location), writer, until]).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

async fn the_upload_of_an_instance_that_died_is_taken_over(files: BlobConfig) {
    let (one, other) = two(files).await;
    let (editor, film) = (editor(), film(2_000));
    let location = create(&one, &editor, film.len()).await;
    let _ = part(&one, &editor, &location, 0, film.slice(..600)).send().await.expect(204);
    held_by(&one, &editor, &location, Some("a process that was killed")).await;
    let mut asked = Box::pin(offset(&other, &editor, &location));
    // It may live, until its lease is over.
    assert_eq!(futures::poll!(&mut asked), std::task::Poll::Pending);
    one.clock.advance(Duration::from_secs(6));
    assert_eq!(asked.await, 600);
    let _ = part(&other, &editor, &location, 600, film.slice(600..)).send().await.expect(204);
    becomes(&other, &editor, &location, "accepted").await;
    assert!(kept(&other, &editor, &location).await == film);
}

async fn an_instance_that_wakes_late_harms_nothing(files: BlobConfig) {
    let (one, other) = two(files).await;
    let (editor, film) = (editor(), film(2_000));
    let location = create(&one, &editor, film.len()).await;
    let (mut send, receive) = mpsc::channel(0);
    let late = stream(&one, &editor, &location, 0, &[], receive);
    let meanwhile = async {
        send.send(Ok(Bytes::from(vec![0xee; 500]))).await.unwrap();
        send.send(Ok(Bytes::from(vec![0xee; 500]))).await.unwrap();
        // As after a pause in which its lease was over.
        held_by(&one, &editor, &location, None).await;
        let _ = part(&other, &editor, &location, 0, film.clone()).send().await.expect(204);
        let _ = send.send(Ok(Bytes::from(vec![0xee; 700]))).await;
        drop(send);
    };
    let ((status, code), ()) = join(late, meanwhile).await;
    assert_eq!((status, code.as_str()), (StatusCode::LOCKED, "upload-locked"));
    becomes(&other, &editor, &location, "accepted").await;
    assert!(kept(&one, &editor, &location).await == film);
}

async fn a_part_with_a_wrong_checksum_leaves_nothing(files: BlobConfig) {
    let (one, other) = two(files).await;
    let (editor, film) = (editor(), film(17 << 20));
    let location = create(&one, &editor, film.len()).await;
    let wrong = part(&one, &editor, &location, 0, vec![0xee; film.len()])
        .header("upload-checksum", "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=");
    assert_eq!(wrong.send().await.expect(460).code(), "checksum-mismatch");
    assert_eq!(offset(&other, &editor, &location).await, 0);
    let _ = part(&other, &editor, &location, 0, film.clone()).send().await.expect(204);
    becomes(&one, &editor, &location, "accepted").await;
    assert!(kept(&one, &editor, &location).await == film);
}

async fn an_upload_that_ends_at_one_instance_is_gone_at_the_other(files: BlobConfig) {
    let (one, other) = two(files).await;
    let (editor, film) = (editor(), film(2_000));
    let location = create(&one, &editor, film.len()).await;
    let _ = part(&one, &editor, &location, 0, film.slice(..600)).send().await.expect(204);
    assert_eq!(unfinished(&other, &location).await.len(), 1);
    let _ = crate::support::tus(&other, &editor, http::Method::DELETE, &location).send().await.expect(204);
    let _ = part(&one, &editor, &location, 600, film.slice(600..)).send().await.expect(404);
    assert!(unfinished(&one, &location).await.is_empty());
}

async fn a_complete_upload_is_checked_once(files: BlobConfig) {
    let (one, other) = two(files).await;
    let editor = editor();
    for _ in 0..3 {
        let location = upload(&one, &editor, film(5_000)).await;
        other.context(SERVICE).wake("check");
        becomes(&other, &editor, &location, "accepted").await;
    }
    let list = other.get("/api/content").bearer(other.token(&editor)).send().await.expect(200).value();
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
}

async fn a_file_whose_bytes_are_gone_is_refused(files: BlobConfig) {
    let (one, other) = two(files).await;
    let (editor, film) = (editor(), film(2_000));
    let location = create(&one, &editor, film.len()).await;
    let _ = part(&one, &editor, &location, 0, film.slice(..600)).send().await.expect(204);
    one.context(SERVICE).blobs.delete_prefix(&format!("incoming/{}", id(&location))).await.unwrap();
    let _ = part(&other, &editor, &location, 600, film.slice(600..)).send().await.expect(204);
    let refused = becomes(&other, &editor, &location, "refused").await;
    assert!(refused["error"].as_str().unwrap().contains("lost a part"), "{refused}");
}
