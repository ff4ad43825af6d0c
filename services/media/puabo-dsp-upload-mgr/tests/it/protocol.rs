//! tus 1.0.0: core, creation and termination.

use http::Method;
use nexus_testkit::Backend;
use serde_json::json;

use crate::on_each_database;
use crate::support::{
    FILES, becomes, create, editor, film, listed, metadata, offset, part, start, tus, unfinished, upload,
};

on_each_database!(
    the_server_says_what_it_can_do,
    a_file_arrives_in_parts,
    head_gives_back_what_creation_said,
    a_part_may_come_with_the_creation,
    a_wrong_offset_changes_nothing,
    every_request_names_the_version,
    methods_can_be_named_in_a_header,
    a_terminated_upload_is_gone,
    a_person_lists_what_was_uploaded,
);

async fn the_server_says_what_it_can_do(backend: Backend) {
    let kit = start(backend).await;
    let reply = kit.request(Method::OPTIONS, FILES).send().await.expect(204);
    assert_eq!(reply.header("tus-resumable"), "1.0.0");
    assert_eq!(reply.header("tus-version"), "1.0.0");
    assert_eq!(reply.header("tus-extension"), "creation,creation-with-upload,termination,checksum,expiration");
    assert_eq!(reply.header("tus-max-size"), (50_u64 << 30).to_string());
    assert_eq!(reply.header("tus-checksum-algorithm"), "sha1,sha256");
}

async fn a_file_arrives_in_parts(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(1_000));
    let location = create(&kit, &editor, film.len()).await;
    assert!(location.starts_with("/api/dsp/upload/files/"), "{location}");
    for (from, to) in [(0, 300), (300, 300), (300, 999), (999, 1_000)] {
        let reply = part(&kit, &editor, &location, from, film.slice(from..to)).send().await.expect(204);
        assert_eq!(reply.header("upload-offset"), to.to_string());
        assert_eq!(
            (reply.header("tus-resumable"), reply.header("cache-control")),
            ("1.0.0".to_owned(), "no-store".to_owned())
        );
        assert_eq!(reply.header("upload-expires").is_empty(), to == 1_000);
    }
    // A client that did not hear the last answer may ask again.
    let _ = part(&kit, &editor, &location, 1_000, film.slice(1_000..)).send().await.expect(204);
    assert_eq!(offset(&kit, &editor, &location).await, 1_000);
    let upload = becomes(&kit, &editor, &location, "accepted").await;
    assert_eq!(
        (&upload["size"], &upload["offset"], &upload["expires_at"]),
        (&json!(1_000), &json!(1_000), &json!(null))
    );
}

async fn head_gives_back_what_creation_said(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let said = metadata(&[("filename", "Übung.mov"), ("filetype", "video/quicktime")]) + ",private";
    let made = tus(&kit, &editor, Method::POST, FILES)
        .header("upload-length", "77")
        .header("upload-metadata", &said)
        .send()
        .await;
    let made = made.expect(201);
    assert_eq!(made.header("upload-offset"), "0");
    let head = tus(&kit, &editor, Method::HEAD, &made.header("location")).send().await.expect(200);
    assert_eq!(head.header("upload-length"), "77");
    assert_eq!(head.header("upload-offset"), "0");
    assert_eq!(head.header("upload-metadata"), said);
    assert_eq!(head.header("cache-control"), "no-store");
    assert_eq!(head.header("upload-expires"), made.header("upload-expires"));
    assert!(head.header("upload-expires").ends_with(" GMT"));
    let upload = listed(&kit, &editor, &made.header("location")).await.expect(200).value();
    assert_eq!((&upload["filename"], &upload["state"]), (&json!("Übung.mov"), &json!("receiving")));
}

async fn a_part_may_come_with_the_creation(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(500));
    let made = tus(&kit, &editor, Method::POST, FILES)
        .header("upload-length", "500")
        .header("content-type", "application/offset+octet-stream")
        .bytes(film.slice(..200))
        .send()
        .await
        .expect(201);
    assert_eq!(made.header("upload-offset"), "200");
    let location = made.header("location");
    let _ = part(&kit, &editor, &location, 200, film.slice(200..)).send().await.expect(204);
    assert_eq!(becomes(&kit, &editor, &location, "accepted").await["filename"], "upload");
}

async fn a_wrong_offset_changes_nothing(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(100));
    let location = create(&kit, &editor, film.len()).await;
    let _ = part(&kit, &editor, &location, 0, film.slice(..40)).send().await.expect(204);
    for wrong in [0, 39, 41, 100] {
        let refused = part(&kit, &editor, &location, wrong, film.slice(..1)).send().await.expect(409);
        assert_eq!(refused.code(), "wrong-offset");
    }
    assert_eq!(offset(&kit, &editor, &location).await, 40);
    let beyond = part(&kit, &editor, &location, 40, film.slice(..61)).send().await.expect(413);
    assert_eq!(beyond.code(), "more-than-announced");
    assert_eq!(offset(&kit, &editor, &location).await, 40);
}

async fn every_request_names_the_version(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let location = create(&kit, &editor, 10).await;
    for (method, path) in
        [(Method::POST, FILES), (Method::HEAD, &location), (Method::PATCH, &location), (Method::DELETE, &location)]
    {
        let without = kit.request(method.clone(), path).bearer(kit.token(&editor)).send().await.expect(412);
        assert_eq!(
            (without.header("tus-version"), without.header("tus-resumable")),
            ("1.0.0".to_owned(), "1.0.0".to_owned())
        );
        let old = kit.request(method, path).bearer(kit.token(&editor)).header("tus-resumable", "0.2.2").send().await;
        let _ = old.expect(412);
    }
    assert_eq!(offset(&kit, &editor, &location).await, 0);
}

async fn methods_can_be_named_in_a_header(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(50));
    let location = create(&kit, &editor, film.len()).await;
    let ask = |method: &str| tus(&kit, &editor, Method::POST, &location).header("x-http-method-override", method);
    let patched = ask("PATCH")
        .header("upload-offset", "0")
        .header("content-type", "application/offset+octet-stream")
        .bytes(film.slice(..20))
        .send()
        .await;
    assert_eq!(patched.expect(204).header("upload-offset"), "20");
    assert_eq!(ask("HEAD").send().await.expect(200).header("upload-offset"), "20");
    assert_eq!(ask("PUT").send().await.expect(400).code(), "unknown-method-override");
    let _ = ask("DELETE").send().await.expect(204);
    let _ = tus(&kit, &editor, Method::HEAD, &location).send().await.expect(404);
}

async fn a_terminated_upload_is_gone(backend: Backend) {
    let kit = start(backend).await;
    let (editor, film) = (editor(), film(100));
    let location = create(&kit, &editor, film.len()).await;
    let _ = part(&kit, &editor, &location, 0, film.slice(..40)).send().await.expect(204);
    let key = unfinished(&kit, &location).await.remove(0);
    assert_eq!(kit.context("puabo-dsp-upload-mgr").blobs.size(&key).await.unwrap(), 40);
    let _ = tus(&kit, &editor, Method::DELETE, &location).send().await.expect(204);
    assert!(unfinished(&kit, &location).await.is_empty());
    for method in [Method::HEAD, Method::DELETE] {
        let _ = tus(&kit, &editor, method, &location).send().await.expect(404);
    }
    let _ = part(&kit, &editor, &location, 40, film.slice(40..)).send().await.expect(404);
    // What is complete is the content's.
    let location = upload(&kit, &editor, film).await;
    becomes(&kit, &editor, &location, "accepted").await;
    let kept = tus(&kit, &editor, Method::DELETE, &location).send().await.expect(409);
    assert_eq!(kept.code(), "upload-complete");
}

async fn a_person_lists_what_was_uploaded(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, create(&kit, &editor, 10).await);
        kit.clock.advance(std::time::Duration::from_millis(5));
    }
    let page = |query: &str| kit.get(&format!("/api/dsp/upload/uploads{query}")).bearer(kit.token(&editor)).send();
    let first = page("?limit=2").await.expect(200).value();
    let rest = page(&format!("?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await.expect(200).value();
    let items = first["items"].as_array().unwrap().iter().chain(rest["items"].as_array().unwrap());
    let ids: Vec<_> = items.map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, made.iter().map(|location| crate::support::id(location)).collect::<Vec<_>>());
    assert_eq!(rest["next_cursor"], json!(null));
}
