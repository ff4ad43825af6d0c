//! A backup of a system that is being written to, restored into an empty place and used there.

use nexus_testkit::Database;

use super::load::{Acknowledged, Load, UPLOAD, User, film};
use super::{Export, Place};
use crate::program::Running;

#[test]
fn a_running_system_is_backed_up_and_lives_on_elsewhere_with_all_that_was_acknowledged() {
    let repository = tempfile::tempdir().unwrap();
    journey(&Place::new(repository.path()), &Place::new(repository.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_system_on_postgresql_is_backed_up_and_lives_on_in_another_database() {
    let repository = tempfile::tempdir().unwrap();
    let (here, there) = (Database::create().await, Database::create().await);
    let on = |database: &Database| {
        Place::with(repository.path(), &format!("[store]\npostgres = \"{}\"\npool = 2\n", database.url))
    };
    let (from, to) = (on(&here), on(&there));
    tokio::task::spawn_blocking(move || journey(&from, &to)).await.unwrap();
}

fn journey(from: &Place, to: &Place) {
    let mut running = Running::up(from.path(), &[]);
    User::set_up(&running.address(), &running.setup_token());
    let user = User::sign_in(&running.address());
    let content = user.publish_film(&film(from.path()));
    let played = user.play(&content);

    let load = Load::start(&user);
    load.wait_for_more(&Acknowledged::default(), 20);
    let first = load.acknowledged();
    let said = from.run(&["backup"]);
    assert!(said.starts_with("Backup "), "{said}");
    load.wait_for_more(&load.acknowledged(), 5);
    let before = load.acknowledged();
    let said = from.run(&["backup"]);
    let id = said.split(' ').nth(1).unwrap().to_owned();
    load.wait_for_more(&before, 5);
    // The source is written to all the while.
    let said = to.run(&["restore", "--snapshot", &id]);
    assert!(said.contains("all of them compared"), "{said}");
    load.wait_for_more(&load.acknowledged(), 5);
    let all = load.stop();
    assert!(all.content.len() > before.content.len() && before.content.len() > first.content.len());
    assert_eq!(running.stop().code, Some(0));
    assert!(!from.path().join("data/.nexus-copies").exists());

    let restored = to.export("as-restored");
    restored.assert_of_one_moment();
    to.take_master_key(from);
    let running = Running::up(to.path(), &[]);
    let user = User::sign_in(&running.address());
    for (id, title) in &before.content {
        let found = user.get(&format!("/api/content/{id}"));
        assert_eq!((found.status, found.json()["title"].as_str()), (200, Some(title.as_str())), "{title}");
    }
    for (upload, offset) in &before.uploads {
        assert!(user.offset(upload) >= Some(*offset), "{upload} was acknowledged up to {offset}");
    }
    assert_eq!(user.play(&content), played);
    goes_on(&user, &before);
    assert_eq!(running.stop().code, Some(0));
    settled(&to.export("after"), &restored);
}

/// An upload that was unfinished at the moment of the backup is finished here.
fn goes_on(user: &User, before: &Acknowledged) {
    let (upload, _) = before.uploads.iter().find(|(_, offset)| *offset > 0).expect("an upload had begun");
    let offset = user.offset(upload).unwrap();
    assert_eq!(user.send_part(upload, offset, &vec![b'x'; UPLOAD - offset]), Some(UPLOAD));
    let id = upload.rsplit('/').next().unwrap();
    // It is no media, which is found out by reading all of it.
    user.wait_for(&format!("/api/dsp/upload/uploads/{id}"), |upload| upload["state"] == "refused");
    assert!(user.write("written after the restore").is_some());
}

/// Every event was applied, and none had an effect twice.
fn settled(after: &Export, restored: &Export) {
    let services = after.manifest["services"].as_object().unwrap();
    for (name, service) in services {
        for (source, position) in service["cursors"].as_object().unwrap() {
            let was_published = restored.manifest["services"][source]["head"].as_i64().unwrap();
            assert!(
                position.as_i64().unwrap() >= was_published,
                "{name} is at {position} of {source}: {was_published}"
            );
        }
        assert!(after.rows(name, "_parked").is_empty(), "{name} has events that it could not apply");
    }
    let mut uploads: Vec<_> = after.rows("content-management", "content");
    uploads.retain(|row| row["upload_id"].is_string());
    assert_eq!(uploads.len(), 1, "the film is there once: {uploads:?}");
    assert_eq!(after.rows("streamcore", "jobs").len(), 1, "and was made ready once");
}
