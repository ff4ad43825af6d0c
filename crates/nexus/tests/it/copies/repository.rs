//! Backups: incremental, encrypted, verified, and whole whatever happens while one is made.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{PASSWORD, Place};
use crate::program::{nexus_with, stderr};

/// An installation that has never run, with a blob that does not compress.
fn with_a_blob(repository: &Path, size: usize) -> Place {
    let place = Place::new(repository);
    place.run(&["migrate"]);
    let blob = place.path().join("data/blobs/sources/film");
    std::fs::create_dir_all(blob.parent().unwrap()).unwrap();
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).to_le_bytes()
    };
    let bytes: Vec<u8> = std::iter::repeat_with(|| next()[0]).take(size).collect();
    std::fs::write(blob, bytes).unwrap();
    place
}

fn packs(repository: &Path) -> Vec<PathBuf> {
    let Ok(folders) = std::fs::read_dir(repository.join("data")) else { return Vec::new() };
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

fn added(said: &str) -> u64 {
    let (_, rest) = said.split_once("; writers waited").unwrap();
    rest.split("; ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_backup_stores_what_is_new_and_lists_checks_and_forgets() {
    let repository = tempfile::tempdir().unwrap();
    let place = with_a_blob(repository.path(), 4 << 20);
    let first = place.run(&["backup"]);
    assert!(added(&first) > 4 << 20, "{first}");
    let second = place.run(&["backup"]);
    assert!(added(&second) < 256 << 10, "{second}");
    let id = |said: &str| said.split(' ').nth(1).unwrap().to_owned();
    let listed = place.run(&["backup", "--list"]);
    assert!(listed.contains(&id(&first)) && listed.contains(&id(&second)), "{listed}");
    assert!(place.run(&["backup", "--verify"]).starts_with("2 backups are whole"));
    let refusal = place.refusal(&["backup", "--prune"]);
    assert!(refusal.contains("--keep-last"), "{refusal}");
    assert_eq!(place.run(&["backup", "--prune", "--keep-last", "1"]), "1 backups stay, 1 went\n");

    let other = Place::new(repository.path());
    let refusal = other.refusal(&["restore", "--snapshot", &id(&first)]);
    assert!(refusal.contains(&id(&first)), "{refusal}");
    let refusal = other.refusal(&["restore", "--at", "2020-01-01T00:00:00Z"]);
    assert!(refusal.contains("no backup of 2020"), "{refusal}");
    other.run(&["restore"]);
    let blob = "data/blobs/sources/film";
    assert_eq!(std::fs::read(other.path().join(blob)).unwrap(), std::fs::read(place.path().join(blob)).unwrap());
    assert!(other.refusal(&["restore"]).contains("is not empty"));
}

#[test]
fn a_wrong_password_and_a_changed_byte_are_said_and_nothing_is_restored() {
    let repository = tempfile::tempdir().unwrap();
    let place = with_a_blob(repository.path(), 4 << 20);
    place.run(&["backup"]);
    let empty = Place::new(repository.path());
    let wrong = nexus_with(empty.path(), &["restore"], &[("NEXUS_BACKUP__PASSWORD", "another")], "");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("the password is not that of"), "{}", stderr(&wrong));

    let largest = packs(repository.path()).into_iter().max_by_key(|pack| pack.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&largest, bytes).unwrap();
    assert!(place.refusal(&["backup", "--verify"]).contains("damaged"));
    let refusal = empty.refusal(&["restore"]);
    assert!(refusal.contains("damaged") && refusal.contains("sources/film"), "{refusal}");
    assert!(!empty.path().join("data/state").exists());
}

#[test]
fn a_backup_that_is_killed_leaves_the_repository_whole_and_nothing_behind() {
    let repository = tempfile::tempdir().unwrap();
    let place = with_a_blob(repository.path(), 48 << 20);
    let mut child = Command::new(env!("CARGO_BIN_EXE_nexus"))
        .arg("backup")
        .current_dir(place.path())
        .env("NEXUS_BACKUP__PASSWORD", PASSWORD)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_mins(2);
    while packs(repository.path()).is_empty() {
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none(), "no pack was written");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left = |folder: &str| place.path().join(folder).join(".nexus-copies").exists();
    assert!(left("data") && left("data/blobs"));

    place.run(&["backup"]);
    assert!(!left("data") && !left("data/blobs"));
    assert!(place.run(&["backup", "--verify"]).starts_with("1 backups are whole"));
    place.run(&["backup", "--prune", "--keep-last", "1"]);
    Place::new(repository.path()).run(&["restore"]);
}
