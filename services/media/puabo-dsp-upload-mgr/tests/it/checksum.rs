//! Parts with a checksum: whole and right, or not at all.

use std::io::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use nexus_testkit::Backend;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::on_each_database;
use crate::support::{becomes, create, editor, film, offset, part, start, stream};

on_each_database!(
    a_part_that_matches_is_kept,
    a_part_that_does_not_match_leaves_nothing,
    a_part_that_was_cut_off_can_not_be_checked_and_leaves_nothing,
    what_is_no_checksum_is_refused,
);

fn sha1(bytes: &[u8]) -> String {
    format!("sha1 {}", STANDARD.encode(Sha1::digest(bytes)))
}

async fn a_part_that_matches_is_kept(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(400));
    let location = create(&kit, &editor, film.len()).await;
    let first = film.slice(..100);
    let _ = part(&kit, &editor, &location, 0, first.clone())
        .header("upload-checksum", sha1(&first))
        .send()
        .await
        .expect(204);
    let rest = film.slice(100..);
    let digest = format!("sha256 {}", STANDARD.encode(Sha256::digest(&rest)));
    let _ = part(&kit, &editor, &location, 100, rest).header("upload-checksum", digest).send().await.expect(204);
    becomes(&kit, &editor, &location, "accepted").await;
}

async fn a_part_that_does_not_match_leaves_nothing(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(400));
    let location = create(&kit, &editor, film.len()).await;
    let _ = part(&kit, &editor, &location, 0, film.slice(..100)).send().await.expect(204);
    let damaged =
        part(&kit, &editor, &location, 100, film.slice(100..)).header("upload-checksum", sha1(b"other")).send().await;
    assert_eq!(damaged.expect(460).code(), "checksum-mismatch");
    assert_eq!(offset(&kit, &editor, &location).await, 100);
    let rest = film.slice(100..);
    let _ = part(&kit, &editor, &location, 100, rest.clone())
        .header("upload-checksum", sha1(&rest))
        .send()
        .await
        .expect(204);
    becomes(&kit, &editor, &location, "accepted").await;
}

async fn a_part_that_was_cut_off_can_not_be_checked_and_leaves_nothing(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(400));
    let location = create(&kit, &editor, film.len()).await;
    let body = futures::stream::iter([Ok(film.slice(..100)), Err(Error::other("reset"))]);
    let (status, _) = stream(&kit, &editor, &location, 0, &[("upload-checksum", &sha1(&film))], body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(offset(&kit, &editor, &location).await, 0);
}

async fn what_is_no_checksum_is_refused(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(40));
    let location = create(&kit, &editor, film.len()).await;
    for header in ["md5 XUFAKrxLKna5cZ2REBfFkg==", "sha1", "sha1 qvQ=", "crc32 AAAAAA=="] {
        let refused =
            part(&kit, &editor, &location, 0, film.clone()).header("upload-checksum", header).send().await.expect(400);
        assert_eq!(refused.code(), "invalid-upload-checksum");
    }
    assert_eq!(offset(&kit, &editor, &location).await, 0);
}
