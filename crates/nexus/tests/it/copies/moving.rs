//! An installation moves: from SQLite and folders to PostgreSQL and S3, and back.

use nexus_testkit::{Bucket, Database};

use super::Place;
use super::load::{Load, User};
use crate::program::Running;

/// A place with state of every kind: accounts, items, unfinished uploads, events. Its system has stopped.
fn filled(repository: &std::path::Path) -> Place {
    let place = Place::new(repository);
    let mut running = Running::up(place.path(), &[]);
    User::set_up(&running.address(), &running.setup_token());
    let load = Load::start(&User::sign_in(&running.address()));
    load.wait_for_more(&super::load::Acknowledged::default(), 10);
    load.stop();
    assert_eq!(running.stop().code, Some(0));
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_to_postgresql_and_s3_and_back_and_every_checksum_stays() {
    let (database, bucket) = (Database::create().await, Bucket::of_this_test().await);
    let moved = tokio::task::spawn_blocking(move || {
        let repository = tempfile::tempdir().unwrap();
        let here = filled(repository.path());
        let first = here.export("export");
        first.assert_of_one_moment();
        assert!(!first.manifest["blobs"].as_object().unwrap().is_empty(), "unfinished uploads are blobs");

        let large = Place::with(
            repository.path(),
            &format!(
                "[store]\npostgres = \"{}\"\npool = 2\n[blobs]\nurl = \"{}\"\nendpoint = \"{}\"\naccess_key_id = \"{}\"\n\
                 secret_access_key = \"{}\"\n",
                database.url, bucket.url, bucket.endpoint, bucket.access_key_id, bucket.secret_access_key
            ),
        );
        let said = large.run(&["import", "--from", first.folder.to_str().unwrap()]);
        assert!(said.contains("all of them compared"), "{said}");
        let second = large.export("export");
        assert_eq!(second.content(), first.content());
        let refusal = large.refusal(&["import", "--from", first.folder.to_str().unwrap()]);
        assert!(refusal.contains("is not empty"), "{refusal}");

        let back = Place::new(repository.path());
        back.run(&["import", "--from", second.folder.to_str().unwrap()]);
        assert_eq!(back.export("export").content(), first.content());
        back.take_master_key(&here);
        let running = Running::up(back.path(), &[]);
        User::sign_in(&running.address()).write("written after two moves").unwrap();
        assert_eq!(running.stop().code, Some(0));
        drop(database);
    });
    moved.await.unwrap();
}

#[test]
fn an_archive_that_was_changed_is_refused_by_the_name_of_what_was_changed() {
    let repository = tempfile::tempdir().unwrap();
    let place = filled(repository.path());
    let export = place.export("export");
    let from = export.folder.to_str().unwrap();
    let refusal_of = |file: &str, change: fn(Vec<u8>) -> Vec<u8>| {
        let path = export.folder.join(file);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, change(whole.clone())).unwrap();
        let empty = Place::new(repository.path());
        let refusal = empty.refusal(&["import", "--from", from]);
        assert!(!empty.path().join("data/state").exists(), "{refusal}");
        std::fs::write(&path, whole).unwrap();
        refusal
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let refusal = refusal_of("data/user-auth/users.jsonl", |bytes| {
        String::from_utf8(bytes).unwrap().replace("ada@example.com", "eve@example.com").into_bytes()
    });
    assert!(refusal.contains("users of user-auth"), "{refusal}");
    let blobs = export.manifest["blobs"].as_object().unwrap();
    let key = blobs.iter().find(|(_, blob)| blob["size"].as_u64() > Some(0)).unwrap().0;
    let refusal = refusal_of(&format!("blobs/{key}"), |mut bytes| {
        bytes[0] ^= 1;
        bytes
    });
    assert!(refusal.contains(key), "{refusal}");
    let refusal = refusal_of("nexus.json", |bytes| {
        String::from_utf8(bytes).unwrap().replacen("\"format\": 1", "\"format\": 2", 1).into_bytes()
    });
    assert!(refusal.contains("a later one"), "{refusal}");
    let manifest = text(std::fs::read(export.folder.join("nexus.json")).unwrap());
    assert!(manifest.contains("\"version\": 1"), "{manifest}");
    let refusal = refusal_of("nexus.json", |bytes| {
        let newer = "{\n          \"owner\": \"service\",\n          \"version\": 99,\n          \"name\": \"later\"\n        }";
        let text = String::from_utf8(bytes).unwrap();
        let end = text.find("\"head\"").unwrap();
        let close = text[..end].rfind(']').unwrap();
        format!("{},{newer}{}", text[..close].trim_end(), &text[close..]).into_bytes()
    });
    assert!(refusal.contains("later 99"), "{refusal}");

    let empty = Place::new(repository.path());
    empty.run(&["import", "--from", from]);
    let refusal = empty.refusal(&["import", "--from", from]);
    assert!(refusal.contains("is not empty") && refusal.contains("--data"), "{refusal}");
}
