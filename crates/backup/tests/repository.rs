//! Copies: made, read, checked, removed.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use nexus_backup::{BackupError, File, Keep, Repository};

const PASSWORD: &str = "correct horse battery";

fn file(path: &str, content: &[u8], changed_at: i64) -> File {
    let bytes = content.to_vec();
    File {
        path: path.to_owned(),
        size: bytes.len() as u64,
        changed_at,
        content: Box::new(move || Ok(Box::new(Cursor::new(bytes)))),
    }
}

/// Bytes that do not compress, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn at(second: i64) -> i64 {
    (1_700_000_000 + second) * 1_000_000
}

fn read(repository: &Repository, id: &str, path: &str) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    repository.copy(id).unwrap().file(path).unwrap().read_to_end(&mut bytes).map(|_| bytes)
}

fn packs(folder: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(folder.join("data")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn files_come_back_as_they_were_and_only_what_is_new_is_stored_again() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open_or_make(folder.path(), PASSWORD).unwrap();
    let film = noise(1, 9 << 20);
    let files = |table: &[u8]| {
        vec![file("data/a/b.jsonl", table, 2), file("blobs/x/film", &film, 1), file("nexus.json", b"{}", 2)]
    };
    let first = repository.store(files(b"one"), at(0), "here", None).unwrap();
    let second = repository.store(files(b"two!"), at(60), "here", Some(&first.id)).unwrap();
    assert!(first.added > 9 << 20, "{first:?}");
    assert!(second.added < 64 << 10, "{second:?}");
    assert_eq!(read(&repository, &first.id, "data/a/b.jsonl").unwrap(), b"one");
    assert_eq!(read(&repository, &second.id, "data/a/b.jsonl").unwrap(), b"two!");
    assert_eq!(read(&repository, &second.id, "blobs/x/film").unwrap(), film);
    let listed: Vec<_> = repository.list().unwrap().into_iter().map(|copy| copy.id).collect();
    assert_eq!(listed, [first.id, second.id]);
    assert_eq!(repository.verify().unwrap(), 2);
}

#[test]
fn a_file_that_is_as_it_was_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open_or_make(folder.path(), PASSWORD).unwrap();
    let first = repository.store(vec![file("blobs/x", b"content", 7)], at(0), "here", None).unwrap();
    let unread = File {
        path: "blobs/x".to_owned(),
        size: 7,
        changed_at: 7,
        content: Box::new(|| Err(std::io::Error::other("it was read"))),
    };
    let second = repository.store(vec![unread], at(1), "here", Some(&first.id)).unwrap();
    assert_eq!(read(&repository, &second.id, "blobs/x").unwrap(), b"content");
}

#[test]
fn what_can_not_be_read_is_named_and_leaves_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open_or_make(folder.path(), PASSWORD).unwrap();
    let broken = || File {
        path: "blobs/broken".to_owned(),
        size: 5,
        changed_at: 1,
        content: Box::new(|| Err(std::io::Error::other("the disk is gone"))),
    };
    let mut short = file("blobs/short", b"abc", 1);
    short.size = 4;
    for (bad, words) in [(broken(), "the disk is gone"), (short, "shorter")] {
        let error = repository.store(vec![file("a", b"fine", 1), bad], at(0), "here", None).unwrap_err().to_string();
        assert!(error.contains("blobs/") && error.contains(words), "{error}");
        assert!(repository.list().unwrap().is_empty());
    }
}

#[test]
fn without_the_password_nothing_can_be_read_and_nothing_stands_there_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open_or_make(folder.path(), PASSWORD).unwrap();
    let secret = b"a seed that signs tokens, many times over ".repeat(100);
    repository.store(vec![file("data/secret-table", &secret, 1)], at(0), "here", None).unwrap();
    drop(repository);
    let error = Repository::open(folder.path(), "wrong").unwrap_err();
    assert!(matches!(error, BackupError::Password(_)), "{error}");
    let mut folders = vec![folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            for clear in [&b"seed that signs"[..], b"secret-table", PASSWORD.as_bytes()] {
                assert!(!bytes.windows(clear.len()).any(|part| part == clear), "{}", path.display());
            }
        }
    }
}

#[test]
fn a_changed_byte_is_found_by_a_check_and_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open_or_make(folder.path(), PASSWORD).unwrap();
    let copy = repository.store(vec![file("blobs/film", &noise(2, 3 << 20), 1)], at(0), "here", None).unwrap();
    let largest = packs(folder.path()).into_iter().max_by_key(|pack| pack.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    bytes[1_000] ^= 1;
    std::fs::write(&largest, bytes).unwrap();
    assert!(matches!(repository.verify(), Err(BackupError::Damaged(_))));
    let error = read(&repository, &copy.id, "blobs/film").unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
}

#[test]
fn what_a_killed_process_left_does_not_matter_and_goes_when_copies_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open_or_make(folder.path(), PASSWORD).unwrap();
    // As after a kill between the packs and the index: a pack that no index names, and a file that was being written.
    let first = repository.store(vec![file("a", &noise(3, 2 << 20), 1)], at(0), "here", None).unwrap();
    for kind in ["index", "snapshots"] {
        for entry in std::fs::read_dir(folder.path().join(kind)).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
    let unfinished = folder.path().join("data/00/half.part");
    std::fs::create_dir_all(unfinished.parent().unwrap()).unwrap();
    std::fs::write(&unfinished, b"half").unwrap();
    assert!(matches!(repository.copy(&first.id), Err(BackupError::NoCopy(_))));
    let again = repository.store(vec![file("a", &noise(3, 2 << 20), 1)], at(1), "here", None).unwrap();
    assert_eq!(read(&repository, &again.id, "a").unwrap(), noise(3, 2 << 20));
    let before = packs(folder.path()).len();
    drop(repository);
    let alone = Repository::open_alone(folder.path(), PASSWORD).unwrap();
    alone.prune(&Keep { last: Some(9), ..Keep::default() }, at(2)).unwrap();
    assert!(packs(folder.path()).len() < before && !unfinished.exists());
    assert_eq!(read(&alone, &again.id, "a").unwrap(), noise(3, 2 << 20));
    assert_eq!(alone.verify().unwrap(), 1);
}

#[test]
fn old_copies_go_and_what_the_others_need_stays() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open_or_make(folder.path(), PASSWORD).unwrap();
    let shared = noise(4, 1 << 20);
    let mut ids = Vec::new();
    for number in 0..4_u8 {
        let files =
            vec![file("shared", &shared, 1), file("own", &noise(u64::from(number) + 9, 1 << 20), number.into())];
        ids.push(repository.store(files, at(number.into()), "here", None).unwrap().id);
    }
    assert!(matches!(Repository::open_alone(folder.path(), PASSWORD), Err(BackupError::InUse(_))));
    drop(repository);
    let alone = Repository::open_alone(folder.path(), PASSWORD).unwrap();
    let pruned = alone.prune(&Keep { last: Some(2), ..Keep::default() }, at(9)).unwrap();
    assert_eq!((pruned.kept, pruned.removed), (2, 2));
    assert!(matches!(alone.copy(&ids[0]), Err(BackupError::NoCopy(_))));
    assert_eq!(read(&alone, &ids[2], "shared").unwrap(), shared);
    assert_eq!(alone.verify().unwrap(), 2);
}
