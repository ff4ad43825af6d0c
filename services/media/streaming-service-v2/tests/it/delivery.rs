//! Files as players and caches ask for them.

use std::time::Duration;

use http::Method;
use nexus_testkit::{Backend, eventually};

use crate::on_each_database;
use crate::support::{SEGMENT, act, beside, editor, playback, published, ready, start};

on_each_database!(
    files_come_with_their_types_and_rules_for_caches,
    byte_ranges_are_served,
    a_known_version_is_not_sent_again,
    addresses_that_caches_share_change_with_each_publication,
    head_says_what_get_would,
    no_path_leads_out,
);

async fn files_come_with_their_types_and_rules_for_caches(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let public = playback(&kit, None, published(&kit, &maker, "public").await).await;
    let signed = playback(&kit, Some(&maker), ready(&kit, &maker).await).await;
    let id = public.content_id;
    let unversioned = |file: &str| format!("/api/stream/hls/{id}/public/{file}");
    let (list, piece) =
        ("public, max-age=0, s-maxage=5, must-revalidate", "public, max-age=31536000, s-maxage=60, immutable");
    let (own_list, own_piece) = ("private, no-cache", "private, max-age=31536000, immutable");
    for (file, kind, of_version, of_public, of_signed) in [
        ("master.m3u8", "application/vnd.apple.mpegurl", list, own_list, "no-store"),
        ("240p/index.m3u8", "application/vnd.apple.mpegurl", list, own_list, "no-store"),
        ("poster.jpg", "image/jpeg", list, own_list, "no-store"),
        ("thumbs/1.jpg", "image/jpeg", list, own_list, "no-store"),
        ("240p/init.mp4", "video/mp4", piece, own_piece, "private, max-age=300, immutable"),
        ("240p/00000.m4s", "video/iso.segment", piece, own_piece, "private, max-age=300, immutable"),
    ] {
        for (address, rule) in
            [(beside(&public, file), of_version), (unversioned(file), of_public), (beside(&signed, file), of_signed)]
        {
            let reply = kit.get(&address).send().await.expect(200);
            let tags = ["surrogate-key", "cache-tag"].map(|name| reply.headers.get(name).cloned());
            let tag = rule.starts_with("public").then(|| format!("content-{id}").parse().unwrap());
            assert_eq!(tags, [tag.clone(), tag], "{address}");
            assert_eq!(
                (reply.header("content-type").as_str(), reply.header("cache-control").as_str()),
                (kind, rule),
                "{file}"
            );
            assert_eq!(
                (reply.header("accept-ranges").as_str(), reply.header("content-length")),
                ("bytes", reply.body.len().to_string())
            );
        }
    }
}

async fn byte_ranges_are_served(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let segment = beside(&playback(&kit, Some(&maker), ready(&kit, &maker).await).await, "240p/00000.m4s");
    for (range, from, to) in
        [("bytes=2-4", 2, 4), ("bytes=7-", 7, 9), ("bytes=-3", 7, 9), ("bytes=0-99", 0, 9), ("bytes=0-0", 0, 0)]
    {
        let part = kit.get(&segment).header("range", range).send().await.expect(206);
        assert_eq!(&part.body[..], &SEGMENT[from..=to], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{to}/10"));
        assert_eq!(part.header("content-length"), (to - from + 1).to_string());
    }
    for range in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
        let none = kit.get(&segment).header("range", range).send().await.expect(416);
        assert_eq!(
            (none.header("content-range").as_str(), none.code().as_str()),
            ("bytes */10", "range-not-satisfiable")
        );
    }
    for range in ["bytes=4-2", "bytes=0-1,4-5", "pages=1-2", "bytes"] {
        assert_eq!(&kit.get(&segment).header("range", range).send().await.expect(200).body[..], SEGMENT, "{range}");
    }
    let etag = kit.get(&segment).send().await.expect(200).header("etag");
    let ask = || kit.get(&segment).header("range", "bytes=0-1");
    let _ = ask().header("if-range", &etag).send().await.expect(206);
    let _ = ask().header("if-range", "\"another\"").send().await.expect(200);
    let _ = ask().header("if-range", "Wed, 25 Jun 2014 16:00:00 GMT").send().await.expect(200);
}

async fn a_known_version_is_not_sent_again(backend: Backend) {
    let (kit, _) = start(backend).await;
    let id = published(&kit, &editor(), "public").await;
    let address = playback(&kit, None, id).await.hls_url;
    let etag = kit.get(&address).send().await.expect(200).header("etag");
    let known = kit.get(&address).header("if-none-match", &etag).send().await.expect(304);
    assert!(known.body.is_empty());
    assert_eq!(known.header("etag"), etag);
    assert_eq!(known.header("cache-control"), "public, max-age=0, s-maxage=5, must-revalidate");
    let _ = kit.get(&address).header("if-none-match", "\"older\"").send().await.expect(200);
    assert_ne!(kit.get(&address.replace("master.m3u8", "poster.jpg")).send().await.expect(200).header("etag"), etag);
}

async fn addresses_that_caches_share_change_with_each_publication(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let id = published(&kit, &maker, "public").await;
    let first = playback(&kit, None, id).await;
    assert_eq!(playback(&kit, None, id).await, first);
    act(&kit, &maker, id, "unpublish").await;
    let gone = eventually("it is taken back", async || {
        let reply = kit.get(&beside(&first, "240p/00000.m4s")).send().await;
        (reply.status == 404).then_some(reply)
    })
    .await;
    assert_eq!(gone.header("cache-control"), "no-store");
    kit.clock.advance(Duration::from_secs(1));
    act(&kit, &maker, id, "publish").await;
    let second = playback(&kit, None, id).await;
    assert_ne!(second.hls_url, first.hls_url);
    for file in ["master.m3u8", "240p/index.m3u8", "240p/00000.m4s"] {
        let _ = kit.get(&beside(&second, file)).send().await.expect(200);
        let _ = kit.get(&beside(&first, file)).send().await.expect(404);
    }
    // The address that people keep is always the same.
    let _ = kit.get(&format!("/api/stream/hls/{id}/public/master.m3u8")).send().await.expect(200);
}

async fn head_says_what_get_would(backend: Backend) {
    let (kit, _) = start(backend).await;
    let id = published(&kit, &editor(), "public").await;
    let segment = beside(&playback(&kit, None, id).await, "240p/00000.m4s");
    let (get, head) =
        (kit.get(&segment).send().await.expect(200), kit.request(Method::HEAD, &segment).send().await.expect(200));
    assert!(head.body.is_empty());
    for header in ["content-length", "content-type", "etag", "cache-control", "accept-ranges"] {
        assert_eq!(head.header(header), get.header(header), "{header}");
    }
    let _ = kit.request(Method::HEAD, &segment).header("range", "bytes=0-1").send().await.expect(200);
    let _ = kit.post(&segment).send().await.expect(405);
}

async fn no_path_leads_out(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let id = published(&kit, &maker, "public").await;
    let other = ready(&kit, &maker).await;
    let base = format!("/api/stream/hls/{id}/public");
    for path in [
        "secret.txt",
        "..",
        "%2e%2e",
        "..%2fmaster.m3u8",
        "240p/..%2fmaster.m3u8",
        "240p/..%2f..%2fsecret.txt",
        "%2e%2e/master.m3u8",
        "240p%2findex.m3u8",
        "240p/00001.m4s",
        "240p/",
        "audio/index.m3u8",
        "thumbs/9.jpg",
        "240p/index.m3u8%00",
        ".hidden",
        "720p/init.mp4",
        &format!("..%2f{other}%2fmaster.m3u8"),
        &"x".repeat(4_000),
    ] {
        let _ = kit.get(&format!("{base}/{path}")).send().await.expect(404);
    }
    let _ = kit.get("/api/stream/hls/none/public/master.m3u8").send().await.expect(404);
}
