//! Turns, batches and the file.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use futures::poll;
use tempfile::TempDir;

use super::*;
use crate::params;

type Commit = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;
type Wait<'a> = Pin<Box<dyn Future<Output = Result<Unit, StoreError>> + Send + 'a>>;

/// A table `t` in a file that ends with the test. Units wait for each other as long as the test needs.
struct Place {
    database: Database,
    path: PathBuf,
    _folder: TempDir,
}

const PATIENT: Limits =
    Limits { together: 1_000, patience: Duration::from_mins(10), wait: Duration::from_mins(10), here: false };

impl Place {
    async fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state").join("test.sqlite");
        let database = Database::open_within(limits, path.clone(), "test", Arc::default()).await.unwrap();
        let place = Self { database, path, _folder: folder };
        let mut unit = place.begin().await;
        unit.script("CREATE TABLE t (id BIGINT PRIMARY KEY, parent BIGINT REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
            .unwrap();
        unit.commit(false).await.unwrap();
        place
    }

    async fn begin(&self) -> Unit {
        self.database.begin().await.unwrap()
    }

    /// A unit that stands in the queue.
    async fn queue(&self) -> Wait<'_> {
        let mut wait: Wait<'_> = Box::pin(self.database.begin());
        assert!(poll!(&mut wait).is_pending(), "somebody else has the turn");
        wait
    }

    async fn ids(&self) -> Vec<i64> {
        let rows = self.database.rows("SELECT id FROM t ORDER BY id".into(), Vec::new()).await.unwrap();
        rows.iter().map(|row| row.get("id").unwrap()).collect()
    }
}

fn insert(unit: &mut Unit, id: i64) {
    unit.execute("INSERT INTO t (id) VALUES (?1)", params![id]).unwrap();
}

/// Lets a unit commit until it waits for the others.
async fn done(unit: Unit) -> Commit {
    let mut commit: Commit = Box::pin(unit.commit(false));
    assert!(poll!(&mut commit).is_pending(), "others are at work in the same transaction");
    commit
}

#[tokio::test]
async fn the_file_is_in_write_ahead_mode_and_commits_wait_for_the_disk() {
    let place = Place::with(PATIENT).await;
    let mut unit = place.begin().await;
    let setting = |unit: &mut Unit, name: &str| unit.rows(format!("PRAGMA {name}"), Vec::new()).unwrap()[0].clone();
    assert_eq!(setting(&mut unit, "journal_mode").get::<String>("journal_mode").unwrap(), "wal");
    assert_eq!(setting(&mut unit, "synchronous").get::<i64>("synchronous").unwrap(), 2);
    assert_eq!(setting(&mut unit, "foreign_keys").get::<i64>("foreign_keys").unwrap(), 1);
}

#[tokio::test]
async fn units_that_wait_for_their_turn_are_committed_together() {
    let place = Place::with(PATIENT).await;
    let mut first = place.begin().await;
    let second = place.queue().await;
    insert(&mut first, 1);
    let mut first = done(first).await;
    let mut second = second.await.unwrap();
    insert(&mut second, 2);
    assert!(poll!(&mut first).is_pending(), "it is not durable before the second is done");
    assert_eq!(place.ids().await, [] as [i64; 0]);
    second.commit(false).await.unwrap();
    first.await.unwrap();
    assert_eq!(place.ids().await, [1, 2]);
}

#[tokio::test]
async fn a_unit_that_fails_or_is_dropped_leaves_its_neighbours_alone() {
    let place = Place::with(PATIENT).await;
    let mut first = place.begin().await;
    let (second, third, fourth) = (place.queue().await, place.queue().await, place.queue().await);
    insert(&mut first, 1);
    let first = done(first).await;
    let mut second = second.await.unwrap();
    insert(&mut second, 2);
    assert!(second.execute("INSERT INTO t (id) VALUES (1)", Vec::new()).is_err());
    drop(second);
    let mut third = third.await.unwrap();
    insert(&mut third, 3);
    drop(third);
    let mut fourth = fourth.await.unwrap();
    insert(&mut fourth, 4);
    fourth.commit(false).await.unwrap();
    first.await.unwrap();
    assert_eq!(place.ids().await, [1, 4]);
}

/// Units that are done, one after the other in one transaction, and the last one's turn.
async fn some_done(place: &Place, ids: std::ops::Range<i64>) -> (Vec<Commit>, Unit) {
    let (mut unit, mut commits) = (place.begin().await, Vec::new());
    for id in ids {
        let next = place.queue().await;
        insert(&mut unit, id);
        commits.push(done(unit).await);
        unit = next.await.unwrap();
    }
    (commits, unit)
}

async fn all_succeed(commits: Vec<Commit>) {
    for commit in commits {
        commit.await.unwrap();
    }
}

#[tokio::test]
async fn units_are_done_again_when_one_that_wrote_is_taken_back() {
    let place = Place::with(PATIENT).await;
    let (commits, mut unit) = some_done(&place, 0..5).await;
    let (returning, second) = (place.queue().await, place.queue().await);
    insert(&mut unit, 5);
    let sixth = done(unit).await;
    let mut returning = returning.await.unwrap();
    let rows = returning.rows("UPDATE t SET id = id + 100 WHERE id > ?1 RETURNING id", params![3]).unwrap();
    assert_eq!(rows.len(), 2);
    let seventh = done(returning).await;
    let mut second = second.await.unwrap();
    second.execute("DELETE FROM t", Vec::new()).unwrap();
    second.rows("INSERT INTO t (id) VALUES (99) RETURNING id", Vec::new()).unwrap();
    drop(second);
    all_succeed(commits).await;
    sixth.await.unwrap();
    seventh.await.unwrap();
    assert_eq!(place.ids().await, [0, 1, 2, 3, 104, 105]);
}

#[tokio::test]
async fn a_unit_that_is_taken_back_is_gone_with_and_without_a_savepoint() {
    let place = Place::with(PATIENT).await;
    let (mut commits, mut unit) = some_done(&place, 0..3).await;
    // The first is undone by doing the others again, and those after it by their savepoints.
    for id in 3..8 {
        let (next, after) = (place.queue().await, place.queue().await);
        insert(&mut unit, 100 + id);
        drop(unit);
        let mut kept = next.await.unwrap();
        insert(&mut kept, id);
        commits.push(done(kept).await);
        unit = after.await.unwrap();
    }
    drop(unit);
    all_succeed(commits).await;
    assert_eq!(place.ids().await, (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_another_process_wrote_in_between_is_not_written_over() {
    let place = Place::with(PATIENT).await;
    let (commits, mut unit) = some_done(&place, 0..2).await;
    insert(&mut unit, 2);
    let path = place.path.clone();
    let other = std::thread::spawn(move || {
        let other = Connection::open(path).unwrap();
        other.busy_timeout(Duration::from_secs(10)).unwrap();
        other.execute_batch("INSERT INTO t (id) VALUES (50)").unwrap();
    });
    drop(unit);
    let mut told = Vec::new();
    for commit in commits {
        told.push(commit.await);
    }
    other.join().unwrap();
    // It was faster, or it was not: both are well, and half of it is not.
    let retried = told.iter().all(|end| matches!(end, Err(StoreError::Retry(_))));
    let kept = told.iter().all(Result::is_ok);
    assert!(retried || kept, "{told:?}");
    assert_eq!(place.ids().await, if kept { vec![0, 1, 50] } else { vec![50] });
}

#[tokio::test]
async fn a_unit_too_large_to_be_done_again_is_kept_all_the_same() {
    let place = Place::with(PATIENT).await;
    let (mut commits, mut unit) = some_done(&place, 0..2).await;
    for undone in [true, false, true] {
        let next = place.queue().await;
        for id in 1_000..7_000 {
            insert(&mut unit, id);
        }
        if undone {
            drop(unit);
        } else {
            commits.push(done(unit).await);
        }
        unit = next.await.unwrap();
        if !undone {
            insert(&mut unit, 3);
            let next = place.queue().await;
            drop(unit);
            unit = next.await.unwrap();
            unit.execute("DELETE FROM t WHERE id BETWEEN 1000 AND 6999", Vec::new()).unwrap();
            let next = place.queue().await;
            commits.push(done(unit).await);
            unit = next.await.unwrap();
        }
    }
    drop(unit);
    all_succeed(commits).await;
    assert_eq!(place.ids().await, [0, 1]);
}

#[tokio::test]
async fn a_batch_that_the_database_refuses_fails_for_all_and_the_next_one_succeeds() {
    let place = Place::with(PATIENT).await;
    let mut first = place.begin().await;
    let second = place.queue().await;
    insert(&mut first, 1);
    let first = done(first).await;
    let mut second = second.await.unwrap();
    // A deferred key is looked at when the batch is committed; migrations must not have one for that reason.
    second.execute("INSERT INTO t (id, parent) VALUES (2, 99)", Vec::new()).unwrap();
    assert!(matches!(second.commit(false).await, Err(StoreError::Retry(_))));
    assert!(matches!(first.await, Err(StoreError::Retry(_))));
    let mut third = place.begin().await;
    insert(&mut third, 3);
    third.commit(false).await.unwrap();
    assert_eq!(place.ids().await, [3]);
}

#[tokio::test]
async fn a_full_disk_fails_the_unit_that_finds_it_full() {
    let place = Place::with(PATIENT).await;
    let mut limit = place.begin().await;
    limit.rows("PRAGMA max_page_count = 4", Vec::new()).unwrap();
    drop(limit);
    let mut first = place.begin().await;
    let second = place.queue().await;
    insert(&mut first, 1);
    let first = done(first).await;
    let mut second = second.await.unwrap();
    let error = second.script("CREATE TABLE big AS SELECT zeroblob(100000) AS filling").unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    drop(second);
    first.await.unwrap();
    assert_eq!(place.ids().await, [1]);
}

#[tokio::test]
async fn units_whose_transaction_the_database_undoes_are_told_at_once() {
    let place = Place::with(PATIENT).await;
    let mut first = place.begin().await;
    let second = place.queue().await;
    insert(&mut first, 1);
    let first = done(first).await;
    let mut second = second.await.unwrap();
    insert(&mut second, 2);
    // Undoes the whole transaction, as some errors of the disk do.
    assert!(second.execute("INSERT OR ROLLBACK INTO t (id) VALUES (1)", Vec::new()).is_err());
    assert!(matches!(first.await, Err(StoreError::Retry(_))), "the conflict is not its own");
    drop(second);
    let mut third = place.begin().await;
    insert(&mut third, 3);
    third.commit(false).await.unwrap();
    assert_eq!(place.ids().await, [3]);
}

#[tokio::test]
async fn turns_come_in_the_order_of_arrival() {
    let place = Place::with(PATIENT).await;
    let mut last = place.begin().await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(place.queue().await);
    }
    let mut commits = Vec::new();
    for _ in 0..20 {
        insert(&mut last, i64::try_from(commits.len()).unwrap());
        commits.push(done(last).await);
        let mut next = waiting.remove(0);
        for later in &mut waiting {
            assert!(poll!(later).is_pending(), "the turn is the next one's");
        }
        let Poll::Ready(unit) = poll!(&mut next) else { panic!("it is the next one's turn") };
        last = unit.unwrap();
    }
    last.commit(false).await.unwrap();
    for commit in commits {
        commit.await.unwrap();
    }
    assert_eq!(place.ids().await.len(), 20);
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let place = Place::with(Limits { wait: Duration::from_millis(20), ..PATIENT }).await;
    let first = place.begin().await;
    assert!(matches!(place.database.begin().await, Err(StoreError::Busy(_))));
    drop(first);
    assert!(place.database.begin().await.is_ok());
}

#[tokio::test]
async fn who_gives_up_waiting_holds_up_nobody() {
    let place = Place::with(PATIENT).await;
    let mut first = place.begin().await;
    let (gone, called) = (place.queue().await, place.queue().await);
    insert(&mut first, 1);
    drop(gone);
    let first = done(first).await;
    // The turn is on its way to this one when it gives up; the first one's commit must not wait for it.
    drop(called);
    first.await.unwrap();
    assert_eq!(place.ids().await, [1]);
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_still_happens() {
    let place = Place::with(PATIENT).await;
    let mut first = place.begin().await;
    let second = place.queue().await;
    insert(&mut first, 1);
    drop(done(first).await);
    second.await.unwrap().commit(false).await.unwrap();
    assert_eq!(place.ids().await, [1]);
}

#[tokio::test]
async fn a_full_batch_is_committed_although_others_wait() {
    let place = Place::with(Limits { together: 1, ..PATIENT }).await;
    let mut first = place.begin().await;
    let second = place.queue().await;
    insert(&mut first, 1);
    first.commit(false).await.unwrap();
    assert_eq!(place.ids().await, [1]);
    drop(second.await.unwrap());
}

#[tokio::test]
async fn another_process_is_waited_for() {
    let place = Place::with(PATIENT).await;
    let other = Connection::open(&place.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; INSERT INTO t (id) VALUES (1)").unwrap();
    let mut unit = pin!(place.database.begin());
    assert!(poll!(&mut unit).is_pending(), "the other one writes");
    other.execute_batch("COMMIT").unwrap();
    let mut unit = unit.await.unwrap();
    insert(&mut unit, 2);
    unit.commit(false).await.unwrap();
    assert_eq!(place.ids().await, [1, 2]);
}

#[tokio::test]
async fn an_idle_store_keeps_no_other_process_from_writing() {
    let place = Place::with(PATIENT).await;
    let mut unit = place.begin().await;
    insert(&mut unit, 1);
    drop(unit);
    let other = Connection::open(&place.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; INSERT INTO t (id) VALUES (2); COMMIT").unwrap();
    assert_eq!(place.ids().await, [2]);
}

#[tokio::test]
async fn closing_finishes_what_waits_and_leaves_one_file() {
    let place = Place::with(PATIENT).await;
    let mut first = place.begin().await;
    let second = place.queue().await;
    let mut close = pin!(place.database.close());
    assert!(poll!(&mut close).is_pending(), "two units are not done");
    insert(&mut first, 1);
    let first = done(first).await;
    let mut second = second.await.unwrap();
    insert(&mut second, 2);
    let second = done(second).await;
    close.await;
    first.await.unwrap();
    second.await.unwrap();
    assert!(matches!(place.database.begin().await, Err(StoreError::Closed)));
    assert!(!place.path.with_extension("sqlite-wal").exists(), "the log is written back");
    let again = Connection::open(&place.path).unwrap();
    assert_eq!(again.query_row("SELECT COUNT(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 2);
}

#[tokio::test]
async fn a_read_whose_caller_is_gone_is_stopped() {
    let place = Place::with(PATIENT).await;
    let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) AS i FROM n";
    // More than there are readers: each must become free again.
    for _ in 0..8 {
        let mut read = pin!(place.database.rows(endless.into(), Vec::new()));
        assert!(poll!(&mut read).is_pending());
    }
    assert_eq!(place.ids().await, [] as [i64; 0]);
}
