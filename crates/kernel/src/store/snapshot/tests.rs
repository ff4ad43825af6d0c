use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::params;
use crate::store::tests::{Place, on_both};
use crate::store::{Scope, Store};

const NUMBERS: &str = "CREATE TABLE numbers (number BIGINT PRIMARY KEY)";

/// Another place of the same kind.
fn another(place: &Place) -> Place {
    match place.config {
        StoreConfig::Sqlite { .. } => Place::sqlite(),
        StoreConfig::Postgres { .. } => Place::postgres(),
    }
}

async fn take(first: &Place, second: &Place) -> Snapshot {
    let source = |service: &str, place: &Place| Source { service: service.to_owned(), store: place.config.clone() };
    Snapshot::take(vec![source("first", first), source("second", second)]).await.unwrap()
}

async fn rows(snapshot: &Snapshot, service: &str, table: &str) -> (Table, Vec<Vec<Value>>) {
    let table = snapshot.tables(service).await.unwrap().into_iter().find(|found| found.name == table).unwrap();
    let (mut all, mut reader) = (Vec::new(), snapshot.rows(service, &table).unwrap());
    loop {
        let page = reader.next().await.unwrap();
        if page.is_empty() {
            return (table, all);
        }
        all.extend(page);
    }
}

async fn add(store: &Store, number: i64) {
    let mut tx = store.begin(Scope::System).await.unwrap();
    tx.execute("INSERT INTO numbers (number) VALUES ($1)", params![number]).await.unwrap();
    tx.commit().await.unwrap();
}

on_both! {
    async fn no_moment_shows_a_follower_ahead_of_what_it_follows(place) {
        let other = another(&place);
        let (first, second) = (place.with(NUMBERS).await, other.with(NUMBERS).await);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let writer = tokio::spawn(async move {
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                number += 1;
                add(&first, number).await;
                add(&second, number).await;
            }
        });
        let mut seen = Vec::new();
        for _ in 0..25 {
            let snapshot = take(&place, &other).await;
            // What was read first does not matter: it is one moment.
            let second = rows(&snapshot, "second", "numbers").await.1.len();
            let first = rows(&snapshot, "first", "numbers").await.1.len();
            assert!(second == first || second + 1 == first, "{second} follows {first}");
            seen.push(first);
        }
        stop.store(true, Ordering::Relaxed);
        writer.await.unwrap();
        assert!(seen.is_sorted() && seen.last() > seen.first(), "{seen:?}");
    }

    async fn a_cursor_beyond_the_end_of_its_log_is_no_state_of_one_moment(place) {
        let other = another(&place);
        let (first, second) = (place.with(NUMBERS).await, other.with(NUMBERS).await);
        let mut tx = second.begin(Scope::System).await.unwrap();
        tx.execute("INSERT INTO _cursors (source, position) VALUES ('first', 2)", params![]).await.unwrap();
        tx.commit().await.unwrap();
        let error = take(&place, &other).await.cursors().await.unwrap_err().to_string();
        assert!(error.contains("second has applied event 2 of first"), "{error}");

        let mut tx = first.begin(Scope::System).await.unwrap();
        for id in ["a", "b", "c"] {
            // On PostgreSQL these have no numbers yet, and get those here that the relay would give them.
            let sql = "INSERT INTO _outbox (id, tenant_id, type, key, time, data) VALUES ($1, 't', 'k', 'k', 1, '{}')";
            tx.execute(sql, params![id]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let snapshot = take(&place, &other).await;
        assert_eq!(snapshot.head("first").await.unwrap(), 3);
        assert_eq!(snapshot.cursors().await.unwrap().len(), 1);
        let (table, events) = rows(&snapshot, "first", "_outbox").await;
        let place_of = |name: &str| table.columns.iter().position(|column| column.name == name).unwrap();
        let (id, position) = (place_of("id"), place_of("position"));
        let numbered: Vec<_> = events.iter().map(|event| (event[id].clone(), event[position].clone())).collect();
        let expected = [("a", 1), ("b", 2), ("c", 3)].map(|(id, number)| (Value::from(id), Value::Int(number)));
        assert_eq!(numbered, expected);
    }

    async fn texts_are_in_the_order_of_their_bytes(place) {
        let store = place.with("CREATE TABLE words (word TEXT PRIMARY KEY)").await;
        let mut tx = store.begin(Scope::System).await.unwrap();
        for word in ["b", "a", "B", "ä", "Z", "z", "_", "a b", "a-b", "1", "10", "2"] {
            tx.execute("INSERT INTO words (word) VALUES ($1)", params![word]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let other = another(&place);
        let (_, words) = rows(&take(&place, &other).await, "first", "words").await;
        let expected = ["1", "10", "2", "B", "Z", "_", "a", "a b", "a-b", "b", "z", "ä"];
        assert_eq!(words, expected.map(|word| vec![Value::from(word)]));
    }
}
