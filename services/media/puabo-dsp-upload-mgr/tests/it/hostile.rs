//! What a caller gets who means no good, or is mistaken.

use http::Method;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Testkit};

use crate::on_each_database;
use crate::support::{FILES, create, editor, film, listed, offset, part, services, start, tus};

on_each_database!(
    an_upload_is_its_owners_alone,
    only_editors_upload,
    creation_needs_a_size_within_the_limit,
    a_part_needs_its_headers,
    unfinished_uploads_have_a_limit,
    made_up_ids_name_nothing,
);

async fn an_upload_is_its_owners_alone(backend: Backend) {
    let kit = start(backend).await;
    let owner = editor();
    let location = create(&kit, &owner, 100).await;
    for other in
        [Person::of(owner.tenant, Role::Owner), Person::of(owner.tenant, Role::Editor), Person::new(Role::Owner)]
    {
        for method in [Method::HEAD, Method::DELETE] {
            let _ = tus(&kit, &other, method, &location).send().await.expect(404);
        }
        let _ = part(&kit, &other, &location, 0, film(100)).send().await.expect(404);
        let _ = listed(&kit, &other, &location).await.expect(404);
        let list = kit.get("/api/dsp/upload/uploads").bearer(kit.token(&other)).send().await.expect(200).value();
        assert_eq!(list["items"], serde_json::json!([]));
    }
    assert_eq!(offset(&kit, &owner, &location).await, 0);
}

async fn only_editors_upload(backend: Backend) {
    let kit = start(backend).await;
    let member = Person::new(Role::Member);
    let refused = tus(&kit, &member, Method::POST, FILES).header("upload-length", "10").send().await.expect(403);
    assert_eq!((refused.code(), refused.header("tus-resumable")), ("forbidden".to_owned(), "1.0.0".to_owned()));
    let _ = kit.get("/api/dsp/upload/uploads").bearer(kit.token(&member)).send().await.expect(403);
    let nobody = kit.post(FILES).header("tus-resumable", "1.0.0").header("upload-length", "10").send().await;
    let _ = nobody.expect(401);
    // Who is no editor any more can't go on.
    let editor = editor();
    let location = create(&kit, &editor, 100).await;
    let demoted = Person { role: Role::Member, ..editor };
    let _ = part(&kit, &demoted, &location, 0, film(100)).send().await.expect(403);
}

async fn creation_needs_a_size_within_the_limit(backend: Backend) {
    let kit = Testkit::start_with(backend, services(), |config| config.media.max_upload_bytes = 1_000).await;
    let editor = editor();
    let make = |length: &str| tus(&kit, &editor, Method::POST, FILES).header("upload-length", length).send();
    let _ = make("1000").await.expect(201);
    assert_eq!(make("1001").await.expect(413).code(), "upload-too-large");
    for length in ["", "-1", "ten", "1e3", "99999999999999999999"] {
        assert_eq!(make(length).await.expect(400).code(), "invalid-upload-length");
    }
    let deferred = tus(&kit, &editor, Method::POST, FILES).header("upload-defer-length", "1").send().await.expect(400);
    assert_eq!(deferred.code(), "invalid-upload-length");
    for metadata in ["filename !!!", ",", "filename YQ==,filename YQ==", &"x".repeat(5_000)] {
        let request =
            tus(&kit, &editor, Method::POST, FILES).header("upload-length", "10").header("upload-metadata", metadata);
        assert_eq!(request.send().await.expect(400).code(), "invalid-upload-metadata");
    }
}

async fn a_part_needs_its_headers(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let location = create(&kit, &editor, 100).await;
    let bare = || tus(&kit, &editor, Method::PATCH, &location).bytes(film(10));
    let untyped = bare().header("upload-offset", "0").send().await.expect(415);
    assert_eq!(
        (untyped.code(), untyped.header("tus-resumable")),
        ("unsupported-media-type".to_owned(), "1.0.0".to_owned())
    );
    let json = bare().header("upload-offset", "0").header("content-type", "application/json").send().await;
    let _ = json.expect(415);
    for wrong in [None, Some(""), Some("-1"), Some("zero"), Some("0x0")] {
        let typed = bare().header("content-type", "application/offset+octet-stream");
        let reply = match wrong {
            Some(wrong) => typed.header("upload-offset", wrong).send().await,
            None => typed.send().await,
        };
        assert_eq!(reply.expect(400).code(), "invalid-upload-offset");
    }
    assert_eq!(offset(&kit, &editor, &location).await, 0);
}

async fn unfinished_uploads_have_a_limit(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    let first = create(&kit, &editor, 10).await;
    for _ in 1..100 {
        create(&kit, &editor, 10).await;
    }
    let refused = tus(&kit, &editor, Method::POST, FILES).header("upload-length", "10").send().await.expect(429);
    assert_eq!(refused.code(), "too-many-uploads");
    assert!(!refused.header("retry-after").is_empty());
    // The limit is each person's own, and an upload that ends makes room.
    create(&kit, &Person::of(editor.tenant, Role::Editor), 10).await;
    let _ = tus(&kit, &editor, Method::DELETE, &first).send().await.expect(204);
    create(&kit, &editor, 10).await;
}

async fn made_up_ids_name_nothing(backend: Backend) {
    let kit = start(backend).await;
    let editor = editor();
    for id in ["0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11", "none", "..%2f..%2fetc", "%00"] {
        let location = format!("{FILES}/{id}");
        let _ = tus(&kit, &editor, Method::HEAD, &location).send().await.expect(404);
        let _ = part(&kit, &editor, &location, 0, film(10)).send().await.expect(404);
        let _ = listed(&kit, &editor, &location).await.expect(404);
    }
}
