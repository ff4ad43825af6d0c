//! The same promises in a folder and in a bucket.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use nexus_testkit::Bucket;
use object_store::ObjectStoreExt;
use tempfile::TempDir;

use super::{BlobError, Blobs};
use crate::config::BlobConfig;

/// Declares each test on both kinds of store.
macro_rules! on_each_store {
    ($($name:ident),+ $(,)?) => {
        mod folder {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Bench::folder()).await;
            })+
        }
        mod s3 {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Bench::bucket().await).await;
            })+
        }
    };
}

on_each_store!(
    a_blob_comes_back_whole_and_in_ranges,
    a_large_blob_comes_back_whole_and_in_ranges,
    a_wrong_checksum_or_a_broken_source_leaves_nothing,
    a_blob_is_replaced_as_a_whole,
    a_file_is_taken_over,
    what_a_killed_process_had_not_finished_goes_with_the_rest,
    a_write_that_nobody_waits_for_leaves_nothing,
    removing_takes_what_is_below_a_prefix_and_nothing_beside_it,
    many_blobs_are_listed_and_removed,
    what_is_not_there_is_said_so,
    keys_can_not_leave_the_store,
    a_store_that_works_passes_its_probe,
);

struct Bench {
    blobs: Blobs,
    folder: TempDir,
}

impl Bench {
    fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&BlobConfig::default(), folder.path()).unwrap();
        Self { blobs, folder }
    }

    async fn bucket() -> Self {
        let bucket = Bucket::of_this_test().await;
        let folder = tempfile::tempdir().unwrap();
        let config = BlobConfig {
            url: bucket.url,
            endpoint: bucket.endpoint,
            region: "us-east-1".to_owned(),
            access_key_id: bucket.access_key_id.as_str().into(),
            secret_access_key: bucket.secret_access_key.as_str().into(),
        };
        let blobs = Blobs::open(&config, folder.path()).unwrap();
        Self { blobs, folder }
    }
}

fn pieces(content: &Bytes) -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send + Unpin + use<> {
    let pieces: Vec<_> =
        (0..content.len()).step_by(1 << 20).map(|from| (from, (from + (1 << 20)).min(content.len()))).collect();
    let content = content.clone();
    futures::stream::iter(pieces.into_iter().map(move |(from, to)| Ok(content.slice(from..to))))
}

/// More than one part of an upload in parts, and no two megabytes alike.
fn large() -> Bytes {
    (0..18 << 20).map(|place: u32| u8::try_from((place % 251 + place / (1 << 20)) % 256).unwrap()).collect()
}

async fn a_blob_comes_back_whole_and_in_ranges(Bench { blobs, .. }: Bench) {
    let meta = blobs.put("a/b", Bytes::from_static(b"0123456789")).await.unwrap();
    assert_eq!((meta.size, meta.sha256.len()), (10, 64));
    let part: Vec<Bytes> = blobs.get_stream("a/b", Some(2..5)).await.unwrap().try_collect().await.unwrap();
    assert_eq!(part.concat(), b"234");
    assert_eq!(blobs.size("a/b").await.unwrap(), 10);
    assert_eq!(blobs.delete_prefix("a").await.unwrap(), 1);
    assert!(matches!(blobs.get("a/b").await, Err(BlobError::NotFound(_))));
}

async fn a_large_blob_comes_back_whole_and_in_ranges(Bench { blobs, .. }: Bench) {
    let content = large();
    let meta = blobs.put_stream("films/large", pieces(&content), None).await.unwrap();
    assert_eq!(meta.size, content.len() as u64);
    blobs.put_stream("films/again", pieces(&content), Some(&meta.sha256)).await.unwrap();
    assert!(blobs.get("films/large").await.unwrap() == content);
    let (from, to) = ((8 << 20) - 3, (8 << 20) + 5);
    let range = blobs.get_stream("films/large", Some(from..to)).await.unwrap();
    let part: Vec<Bytes> = range.try_collect().await.unwrap();
    assert_eq!(part.concat(), content[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()]);
}

async fn a_wrong_checksum_or_a_broken_source_leaves_nothing(Bench { blobs, .. }: Bench) {
    for content in [Bytes::from_static(b"abc"), large()] {
        let wrong = blobs.put_stream("x", pieces(&content), Some("00")).await;
        assert!(matches!(wrong, Err(BlobError::Checksum { .. })));
        let broken = pieces(&content).chain(futures::stream::iter([Err(std::io::Error::other("cut"))]));
        assert!(matches!(blobs.put_stream("x", broken, None).await, Err(BlobError::Source(_))));
        assert!(matches!(blobs.size("x").await, Err(BlobError::NotFound(_))));
    }
}

async fn a_blob_is_replaced_as_a_whole(Bench { blobs, .. }: Bench) {
    blobs.put("x", Bytes::from_static(b"the first, which is longer")).await.unwrap();
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("cut"))]);
    assert!(blobs.put_stream("x", broken, None).await.is_err());
    assert_eq!(blobs.get("x").await.unwrap(), "the first, which is longer");
    blobs.put("x", Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(blobs.get("x").await.unwrap(), "second");
}

async fn a_file_is_taken_over(Bench { blobs, folder }: Bench) {
    for content in [Bytes::from_static(b"moving pictures"), large()] {
        let file = folder.path().join("film");
        std::fs::write(&file, &content).unwrap();
        blobs.put_file("a/b/film", &file).await.unwrap();
        assert!(!file.exists());
        assert!(blobs.get("a/b/film").await.unwrap() == content);
        assert!(blobs.put_file("a/b/film", &file).await.is_err());
        assert!(blobs.put_file("../film", &file).await.is_err());
        assert_eq!(blobs.size("a/b/film").await.unwrap(), content.len() as u64);
    }
}

async fn what_a_killed_process_had_not_finished_goes_with_the_rest(Bench { blobs, folder }: Bench) {
    blobs.put("a/b", Bytes::from_static(b"x")).await.unwrap();
    // As `kill -9` leaves it: begun, and nobody there who could tidy up.
    let mut begun = blobs.store.put_multipart(&super::parse("a/c").unwrap()).await.unwrap();
    object_store::MultipartUpload::put_part(&mut *begun, Bytes::from_static(b"half").into()).await.unwrap();
    std::mem::forget(begun);
    assert_eq!(blobs.list("a").await.unwrap(), ["a/b"]);
    assert_eq!(unfinished(&blobs, &folder).await, 1);
    blobs.delete_prefix("a").await.unwrap();
    assert_eq!(unfinished(&blobs, &folder).await, 0);
    assert_eq!(blobs.delete_prefix("a").await.unwrap(), 0);
}

async fn a_write_that_nobody_waits_for_leaves_nothing(Bench { blobs, folder }: Bench) {
    let endless = pieces(&large()).chain(futures::stream::pending());
    let mut write = Box::pin(blobs.put_stream("a/c", endless, None));
    nexus_testkit::eventually("the write has begun", async || {
        let _ = futures::poll!(&mut write);
        (unfinished(&blobs, &folder).await == 1).then_some(())
    })
    .await;
    drop(write);
    nexus_testkit::eventually("nothing is left", async || (unfinished(&blobs, &folder).await == 0).then_some(())).await;
}

/// How many writes have begun below `a` and did not end.
async fn unfinished(blobs: &Blobs, folder: &TempDir) -> usize {
    match &blobs.place {
        super::Place::Bucket(bucket) => bucket.leftovers(&super::parse("a").unwrap()).await.unwrap(),
        super::Place::Folder(_) => {
            let Ok(entries) = std::fs::read_dir(folder.path().join("blobs/a")) else { return 0 };
            entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains('#')).count()
        }
    }
}

async fn removing_takes_what_is_below_a_prefix_and_nothing_beside_it(Bench { blobs, .. }: Bench) {
    for key in ["a/b", "a/c/d", "ab", "ab/c"].into_iter().filter(|key| *key != "ab") {
        blobs.put(key, Bytes::from_static(b"x")).await.unwrap();
    }
    assert_eq!(blobs.delete_prefix("a").await.unwrap(), 2);
    assert_eq!(blobs.list("ab").await.unwrap(), ["ab/c"]);
    assert_eq!(blobs.list("a").await.unwrap(), Vec::<String>::new());
}

async fn many_blobs_are_listed_and_removed(Bench { blobs, .. }: Bench) {
    let writes = (0..60).map(|number| {
        let blobs = blobs.clone();
        async move { blobs.put(&format!("many/{number:02}"), Bytes::from_static(b"x")).await }
    });
    let _: Vec<_> = futures::stream::iter(writes).buffered(8).try_collect().await.unwrap();
    let mut keys = blobs.list("many").await.unwrap();
    keys.sort_unstable();
    assert_eq!(keys, (0..60).map(|number| format!("many/{number:02}")).collect::<Vec<_>>());
    let all: Vec<_> = blobs.all().try_collect().await.unwrap();
    assert_eq!((all.len(), all[0].1), (60, 1));
    assert_eq!(blobs.delete_prefix("many").await.unwrap(), 60);
    assert!(blobs.list("many").await.unwrap().is_empty());
}

async fn what_is_not_there_is_said_so(Bench { blobs, .. }: Bench) {
    assert!(matches!(blobs.get("none").await, Err(BlobError::NotFound(_))));
    assert!(matches!(blobs.size("none").await, Err(BlobError::NotFound(_))));
    assert!(matches!(blobs.get_stream("none", Some(0..1)).await.err(), Some(BlobError::NotFound(_))));
    blobs.delete("none").await.unwrap();
    assert_eq!(blobs.delete_prefix("none").await.unwrap(), 0);
}

async fn keys_can_not_leave_the_store(Bench { blobs, .. }: Bench) {
    for key in ["", "../x", "a/../x", "/etc/passwd", "a//b", ".hidden"] {
        assert!(blobs.get(key).await.is_err(), "{key}");
        assert!(matches!(blobs.put(key, Bytes::new()).await, Err(BlobError::InvalidKey(_))), "{key}");
        assert_eq!(blobs.local_path(key), None, "{key}");
    }
}

async fn a_store_that_works_passes_its_probe(Bench { blobs, .. }: Bench) {
    blobs.probe().await.unwrap();
    assert!(blobs.list("probe").await.unwrap().is_empty());
}

/// Says on an address, with a port on which nobody listens, what is wrong and within what time.
#[tokio::test]
async fn a_bucket_that_nobody_serves_is_given_up_on() {
    let config = BlobConfig {
        url: "s3://films".to_owned(),
        endpoint: "http://127.0.0.1:9".to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: "id".into(),
        secret_access_key: "secret".into(),
    };
    let blobs = Blobs::open(&config, std::path::Path::new("/nowhere")).unwrap();
    assert_eq!(blobs.local_path("a"), None);
    let failed = blobs.probe().await.unwrap_err().to_string();
    assert!(failed.contains("127.0.0.1:9"), "{failed}");
    assert!(!failed.contains("secret"), "{failed}");
}
