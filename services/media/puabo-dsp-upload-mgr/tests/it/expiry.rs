//! Uploads that nobody finishes.

use std::time::Duration;

use http::Method;
use nexus_testkit::{Backend, eventually};

use crate::on_each_database;
use crate::support::{becomes, create, editor, film, listed, offset, part, start, tus, unfinished, upload};

on_each_database!(
    an_unfinished_upload_ends_after_its_time,
    each_part_gives_an_upload_more_time,
    files_without_an_upload_are_swept_and_old_uploads_forgotten,
);

const HOUR: Duration = Duration::from_hours(1);
const SERVICE: &str = "puabo-dsp-upload-mgr";

async fn an_unfinished_upload_ends_after_its_time(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(300));
    let location = create(&kit, &editor, film.len()).await;
    let _ = part(&kit, &editor, &location, 0, film.slice(..100)).send().await.expect(204);
    kit.clock.advance(24 * HOUR);
    let gone = tus(&kit, &editor, Method::HEAD, &location).send().await;
    assert!([404, 410].contains(&gone.status.as_u16()), "{}", gone.status);
    let refused = part(&kit, &editor, &location, 100, film.slice(100..)).send().await;
    assert!([404, 410].contains(&refused.status.as_u16()), "{}", refused.status);
    kit.context(SERVICE).wake("expire");
    eventually("nothing is left", async || {
        let known = listed(&kit, &editor, &location).await.status.as_u16();
        (known == 404 && unfinished(&kit, &location).await.is_empty()).then_some(())
    })
    .await;
}

async fn each_part_gives_an_upload_more_time(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(300));
    let location = create(&kit, &editor, film.len()).await;
    kit.clock.advance(23 * HOUR);
    let _ = part(&kit, &editor, &location, 0, film.slice(..100)).send().await.expect(204);
    kit.clock.advance(23 * HOUR);
    assert_eq!(offset(&kit, &editor, &location).await, 100);
    let _ = part(&kit, &editor, &location, 100, film.slice(100..)).send().await.expect(204);
    // What is complete does not expire.
    kit.clock.advance(48 * HOUR);
    becomes(&kit, &editor, &location, "accepted").await;
}

async fn files_without_an_upload_are_swept_and_old_uploads_forgotten(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let location = upload(&kit, &editor, film(100)).await;
    becomes(&kit, &editor, &location, "accepted").await;
    let stray = "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11";
    let key = format!("incoming/{stray}/0000000000000000-dead");
    kit.context(SERVICE).blobs.put(&key, "left by a crash".into()).await.unwrap();
    let kept = create(&kit, &editor, 10).await;
    let _ = part(&kit, &editor, &kept, 0, film(5)).send().await.expect(204);
    kit.context(SERVICE).wake("expire");
    eventually("the stray file is gone", async || unfinished(&kit, stray).await.is_empty().then_some(())).await;
    assert_eq!(unfinished(&kit, &kept).await.len(), 1);
    let _ = listed(&kit, &editor, &location).await.expect(200);
    kit.clock.advance(31 * 24 * HOUR);
    kit.context(SERVICE).wake("expire");
    eventually("it is forgotten", async || (listed(&kit, &editor, &location).await.status == 404).then_some(())).await;
}
