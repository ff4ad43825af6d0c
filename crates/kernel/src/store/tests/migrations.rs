//! A schema's steps.

use super::*;
use crate::params;

const FIRST: Migration = Migration::new(1, "things", "CREATE TABLE things (id TEXT PRIMARY KEY, data BLOB)");
const SECOND: Migration = Migration::new(
    2,
    "sizes",
    "-- A comment; with a semicolon.
     ALTER TABLE things ADD COLUMN size BIGINT NOT NULL DEFAULT 0; CREATE INDEX by_size ON things (size);",
);

async fn steps(store: &Store) -> Vec<i64> {
    let sql = "SELECT version FROM _migrations WHERE owner = 'service' ORDER BY version";
    let rows: Vec<Scalar<i64>> = store.read(Scope::System).query(sql, params![]).await.unwrap();
    rows.into_iter().map(|Scalar(version)| version).collect()
}

fn reason(error: StoreError) -> String {
    let StoreError::Migration { reason, .. } = error else { panic!("{error}") };
    reason
}

on_both! {
    async fn a_schema_grows_step_by_step_and_keeps_its_rows(place) {
        let store = place.open().await;
        store.migrate(&[FIRST]).await.unwrap();
        let mut tx = store.begin(Scope::System).await.unwrap();
        tx.execute("INSERT INTO things (id, data) VALUES ('a', $1)", params![vec![1_u8]]).await.unwrap();
        tx.commit().await.unwrap();
        store.migrate(&[FIRST, SECOND]).await.unwrap();
        store.migrate(&[FIRST, SECOND]).await.unwrap();
        assert_eq!(steps(&store).await, [1, 2]);
        let row: Row = store.read(Scope::System).query_one("SELECT * FROM things", params![]).await.unwrap();
        assert_eq!((row.get("id"), row.get("size")), (Ok("a".to_owned()), Ok(0_i64)));
    }

    async fn every_store_has_the_kernels_tables(place) {
        let store = place.open().await;
        store.migrate(&[]).await.unwrap();
        for table in ["_idempotency", "_outbox", "_cursors", "_parked"] {
            let sql = format!("SELECT COUNT(*) AS n FROM {table}");
            assert_eq!(store.read(Scope::System).query_one(&sql, params![]).await, Ok(Scalar(0_i64)), "{table}");
        }
    }

    async fn a_step_that_was_changed_is_refused(place) {
        let store = place.open().await;
        store.migrate(&[FIRST]).await.unwrap();
        let changed = Migration::new(1, "things", "CREATE TABLE things (id BIGINT PRIMARY KEY)");
        assert!(reason(store.migrate(&[changed]).await.unwrap_err()).contains("text"));
        assert!(reason(store.migrate(&[changed, SECOND]).await.unwrap_err()).contains("text"));
        assert_eq!(steps(&store).await, [1]);
    }

    async fn a_schema_of_a_later_version_is_refused(place) {
        let store = place.open().await;
        store.migrate(&[FIRST, SECOND]).await.unwrap();
        let error = store.migrate(&[FIRST]).await.unwrap_err();
        assert_eq!(error, StoreError::Newer { version: 2, name: "sizes".to_owned() });
    }

    async fn steps_come_in_order(place) {
        let store = place.open().await;
        assert!(reason(store.migrate(&[SECOND, FIRST]).await.unwrap_err()).contains("rise"));
        let third = Migration::new(3, "third", "CREATE TABLE third (id TEXT PRIMARY KEY)");
        store.migrate(&[FIRST, third]).await.unwrap();
        assert!(reason(store.migrate(&[FIRST, SECOND, third]).await.unwrap_err()).contains("later"));
        assert!(reason(store.migrate(&[third]).await.unwrap_err()).contains("no longer"));
    }

    async fn a_step_that_fails_leaves_the_schema_as_it_was(place) {
        let store = place.open().await;
        store.migrate(&[FIRST]).await.unwrap();
        let wrong = Migration::new(3, "wrong", "CREATE TABLE half (id TEXT); CREATE TABLE things (id TEXT)");
        assert!(reason(store.migrate(&[FIRST, SECOND, wrong]).await.unwrap_err()).contains("already exists"));
        assert_eq!(steps(&store).await, [1]);
        store.migrate(&[FIRST, SECOND]).await.unwrap();
        assert_eq!(steps(&store).await, [1, 2]);
    }

    async fn processes_that_start_at_once_migrate_once(place) {
        let stores = futures::future::join_all((0..4).map(|_| place.open())).await;
        let migrations = [FIRST, SECOND];
        let all = stores.iter().map(|store| store.migrate(&migrations));
        for migrated in futures::future::join_all(all).await {
            migrated.unwrap();
        }
        assert_eq!(steps(&stores[0]).await, [1, 2]);
    }
}
