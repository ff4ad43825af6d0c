//! Turns, batches and the file.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use futures::poll;
use tempfile::TempDir;

use super::*;
use crate::params;

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
    unit.execute("INSERT INTO t (id) VALUES (?1)", &params![id]).unwrap();
}

/// Lets a unit commit until it waits for the others.
async fn done(unit: Unit) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>> {
    let mut commit: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(unit.commit(false));
    assert!(poll!(&mut commit).is_pending(), "others are at work in the same transaction");
    commit
}

#[tokio::test]
async fn the_file_is_in_write_ahead_mode_and_commits_wait_for_the_disk() {
    let place = Place::with(PATIENT).await;
    let mut unit = place.begin().await;
    let setting = |unit: &mut Unit, name: &str| unit.rows(&format!("PRAGMA {name}"), &[]).unwrap()[0].clone();
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
    assert!(second.execute("INSERT INTO t (id) VALUES (1)", &[]).is_err());
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

#[tokio::test]
async fn a_batch_that_the_database_refuses_fails_for_all_and_the_next_one_succeeds() {
    let place = Place::with(PATIENT).await;
    let mut first = place.begin().await;
    let second = place.queue().await;
    insert(&mut first, 1);
    let first = done(first).await;
    let mut second = second.await.unwrap();
    // A deferred key is looked at when the batch is committed; migrations must not have one for that reason.
    second.execute("INSERT INTO t (id, parent) VALUES (2, 99)", &[]).unwrap();
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
    limit.rows("PRAGMA max_page_count = 4", &[]).unwrap();
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
    assert!(second.execute("INSERT OR ROLLBACK INTO t (id) VALUES (1)", &[]).is_err());
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
