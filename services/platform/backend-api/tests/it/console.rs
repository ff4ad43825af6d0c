//! The console's files.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use nexus_testkit::{Backend, Testkit};

use crate::support::{Files, gateway};

async fn with_files(files: &[(&'static str, &'static str)]) -> Testkit {
    let files = Files(files.iter().copied().collect::<HashMap<_, _>>());
    Testkit::start(Backend::Sqlite, vec![backend_api::service(Arc::new(files))]).await
}

const BUILT: [(&str, &str); 4] = [
    ("index.html", "<title>console</title>"),
    ("assets/index-1f2e3d.js", "run()"),
    ("assets/index-1f2e3d.js.br", "compressed before"),
    ("favicon.svg", "<svg/>"),
];

#[tokio::test]
async fn the_first_page_answers_for_every_address_of_the_console() {
    let kit = with_files(&BUILT).await;
    for path in ["/", "/setup?token=abc", "/media/0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11", "/account/"] {
        let reply = kit.get(path).send().await.expect(200);
        assert_eq!(reply.text(), "<title>console</title>", "{path}");
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(reply.header("cache-control"), "no-cache");
        let _ = kit.get(path).header("if-none-match", reply.header("etag")).send().await.expect(304);
    }
}

#[tokio::test]
async fn files_named_by_their_content_are_kept_forever_and_come_compressed_when_they_were_built_so() {
    let kit = with_files(&BUILT).await;
    let reply = kit.get("/assets/index-1f2e3d.js").send().await.expect(200);
    assert_eq!((reply.text().as_str(), reply.header("content-encoding").as_str()), ("run()", ""));
    assert!(reply.header("content-type").starts_with("text/javascript"), "{}", reply.header("content-type"));
    assert!(reply.header("cache-control").contains("immutable"));
    let reply = kit.get("/assets/index-1f2e3d.js").header("accept-encoding", "gzip, br").send().await.expect(200);
    assert_eq!((reply.text().as_str(), reply.header("content-encoding").as_str()), ("compressed before", "br"));
    assert!(reply.header("content-type").starts_with("text/javascript"));
    assert_eq!(kit.get("/favicon.svg").send().await.expect(200).header("cache-control"), "no-cache");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_the_first_page() {
    let kit = with_files(&BUILT).await;
    assert_eq!(kit.get("/assets/gone.js").send().await.expect(404).code(), "not-found");
    assert_eq!(kit.post("/").send().await.expect(405).code(), "method-not-allowed");
}

#[tokio::test]
async fn a_program_without_a_console_says_how_to_build_it() {
    let kit = Testkit::start(Backend::Sqlite, vec![gateway()]).await;
    let reply = kit.get("/").send().await.expect(503);
    assert!(reply.text().contains("make web"), "{}", reply.text());
    assert_eq!(kit.request(Method::HEAD, "/").send().await.status, 503);
}
