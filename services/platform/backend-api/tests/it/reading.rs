//! Reads: compressed where it helps, and not sent twice.

use nexus_kernel::Role;
use nexus_testkit::Person;

use crate::support::started;

#[tokio::test]
async fn text_is_compressed_as_the_client_likes_it() {
    let kit = started(|_| {}).await;
    for (accepted, chosen) in [("br, gzip", "br"), ("gzip", "gzip"), ("identity", ""), ("br;q=0, gzip;q=0", "")] {
        let reply = kit.get("/api/content/public").header("accept-encoding", accepted).send().await.expect(200);
        assert_eq!(reply.header("content-encoding"), chosen, "{accepted}");
        assert_eq!(reply.body.len() < 1_000, !chosen.is_empty(), "{accepted}: {} bytes", reply.body.len());
    }
}

#[tokio::test]
async fn media_and_ranges_are_sent_as_they_are() {
    let kit = started(|_| {}).await;
    for (path, status) in [("/api/content/media", 200), ("/api/content/range", 206)] {
        let reply = kit.get(path).header("accept-encoding", "gzip, br").send().await.expect(status);
        assert_eq!((reply.header("content-encoding").as_str(), reply.body.len()), ("", 4_096), "{path}");
    }
}

#[tokio::test]
async fn what_anybody_may_read_is_sent_again_only_when_it_changed() {
    let kit = started(|_| {}).await;
    let first = kit.get("/api/content/public").header("accept-encoding", "br").send().await.expect(200);
    let tag = first.header("etag");
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(first.header("cache-control"), "no-cache");
    let again =
        kit.get("/api/content/public").header("if-none-match", format!("\"other\", {tag}")).send().await.expect(304);
    assert!(again.body.is_empty() && again.header("etag") == tag);
    let _ = kit.get("/api/content/public").header("if-none-match", "\"other\"").send().await.expect(200);
}

#[tokio::test]
async fn a_services_own_tag_stays_and_is_compared() {
    let kit = started(|_| {}).await;
    assert_eq!(kit.get("/api/content/versioned").send().await.expect(200).header("etag"), "\"7\"");
    let _ = kit.get("/api/content/versioned").header("if-none-match", "\"7\"").send().await.expect(304);
    let _ = kit.get("/api/content/versioned").header("if-none-match", "\"6\"").send().await.expect(200);
}

#[tokio::test]
async fn what_is_somebodys_own_stays_out_of_shared_caches_and_gets_no_tag_of_ours() {
    let kit = started(|_| {}).await;
    let token = kit.token(&Person::new(Role::Member));
    let reply = kit.get("/api/content/public").bearer(token).send().await.expect(200);
    assert_eq!((reply.header("etag").as_str(), reply.header("cache-control").as_str()), ("", "private, no-cache"));
    let reply = kit.get("/api/content/secret-free").send().await.expect(200);
    assert_eq!((reply.header("etag").as_str(), reply.header("cache-control").as_str()), ("", "no-store"));
}
