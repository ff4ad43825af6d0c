use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::store::snapshot::{Applied, Column, Kind, Snapshot, Source};
use crate::store::tests::{Place, on_both};
use crate::store::{Migration, Scalar, Scope, Store, StoreConfig, Value};
use crate::time::Clock;
use crate::{params, store::Query};

const TABLES: &[Migration] = &[Migration::new(
    1,
    "things",
    "CREATE TABLE things (
         a TEXT NOT NULL, b BIGINT NOT NULL, flag BOOLEAN, ratio DOUBLE PRECISION, bytes BLOB, PRIMARY KEY (b, a)
     )",
)];

fn columns() -> Vec<Column> {
    let kinds = [Kind::Boolean, Kind::Integer, Kind::Real, Kind::Text, Kind::Blob];
    kinds.iter().map(|kind| Column { name: format!("{kind:?}"), kind: *kind }).collect()
}

fn row() -> impl Strategy<Value = Vec<Value>> {
    let or_null = |strategy: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 4 => strategy];
    (
        or_null(any::<bool>().prop_map(Value::Bool).boxed()),
        or_null(any::<i64>().prop_map(Value::Int).boxed()),
        or_null(any::<f64>().prop_map(Value::Real).boxed()),
        or_null(any::<String>().prop_map(Value::Text).boxed()),
        or_null(any::<Vec<u8>>().prop_map(Value::Blob).boxed()),
    )
        .prop_map(|(a, b, c, d, e)| vec![a, b, c, d, e])
}

proptest! {
    #[test]
    fn a_row_comes_back_from_its_line_as_it_was(row in row()) {
        let mut line = Vec::new();
        codec::write(&row, &mut line);
        prop_assert_eq!(line.split(|byte| *byte == b'\n').count(), 2);
        prop_assert_eq!(codec::read(&line, &columns()).unwrap(), row);
    }

    #[test]
    fn no_line_makes_the_reader_panic(line in any::<Vec<u8>>()) {
        let _ = codec::read(&line, &columns());
    }
}

async fn store(folder: &std::path::Path, name: &str) -> (Store, Source) {
    let config = StoreConfig::Sqlite { path: folder.join(format!("{name}.sqlite")) };
    let store = Store::open(config.clone(), "maker", Clock::system()).await.unwrap();
    (store, Source { service: "maker".to_owned(), store: config })
}

async fn filled(folder: &std::path::Path) -> (Store, Source) {
    let (store, source) = store(folder, "full").await;
    store.migrate(TABLES).await.unwrap();
    let mut tx = store.begin(Scope::System).await.unwrap();
    for number in 0..700_i64 {
        let values = params![format!("ü{number}\n\"'"), number % 7, number % 2 == 0, 0.1 * 3.0, vec![0_u8, 255, 10]];
        tx.execute("INSERT INTO things (a, b, flag, ratio, bytes) VALUES ($1, $2, $3, $4, $5)", values).await.unwrap();
    }
    tx.commit().await.unwrap();
    (store, source)
}

async fn file(source: Source) -> (Vec<u8>, Total) {
    let snapshot = Snapshot::take(vec![source]).await.unwrap();
    let tables = snapshot.tables("maker").await.unwrap();
    let table = tables.iter().find(|table| table.name == "things").unwrap();
    let mut file = Vec::new();
    let total = copy(&snapshot, "maker", table, &mut file).await.unwrap();
    (file, total)
}

async fn load(folder: &std::path::Path, file: &[u8]) -> Result<(Source, Total), DumpError> {
    let (store, source) = store(folder, "empty").await;
    store.migrate(TABLES).await.unwrap();
    let tables = Snapshot::take(vec![source.clone()]).await.unwrap().tables("maker").await.unwrap();
    let mut loader = Loader::begin(&store, "maker", tables).await?;
    let total = loader.load("things", &mut Cursor::new(file)).await?;
    loader.commit().await?;
    Ok((source, total))
}

#[tokio::test]
async fn a_table_goes_into_a_file_and_another_store_and_is_the_same_file_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, source) = filled(folder.path()).await;
    let (first, total) = file(source).await;
    assert_eq!(total.rows, 700);
    let (copy, loaded) = load(folder.path(), &first).await.unwrap();
    assert_eq!(loaded, total);
    assert_eq!(file(copy).await, (first, total));
}

#[tokio::test]
async fn a_file_that_was_changed_or_cut_is_refused_with_its_tables_name_and_nothing_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, source) = filled(folder.path()).await;
    let (whole, _) = file(source).await;
    let text = String::from_utf8(whole.clone()).unwrap();
    let changed = text.replacen("true", "false", 1);
    let lines: Vec<_> = text.lines().collect();
    let short = [&lines[..5], &lines[6..]].concat().join("\n") + "\n";
    let cut = lines[..9].join("\n") + "\n";
    for bad in [changed, short, cut] {
        let error = load(folder.path(), bad.as_bytes()).await.unwrap_err().to_string();
        assert!(error.starts_with("the table things of maker: "), "{error}");
        let (empty, _) = store(folder.path(), "empty").await;
        let rows = empty.read(Scope::System).rows("SELECT 1 FROM things", params![]).await.unwrap();
        assert!(rows.is_empty(), "{error}");
    }
}

const NUMBERED: &[Migration] =
    &[Migration::new(1, "tasks", "CREATE TABLE tasks (number INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL)")
        .postgres("CREATE TABLE tasks (number BIGSERIAL PRIMARY KEY, what TEXT NOT NULL)")];

async fn add_task(store: &Store) -> i64 {
    let mut tx = store.begin(Scope::System).await.unwrap();
    let sql = "INSERT INTO tasks (what) VALUES ('work') RETURNING number";
    let Scalar(number) = tx.query_one(sql, params![]).await.unwrap();
    tx.commit().await.unwrap();
    number
}

on_both! {
    async fn a_number_that_was_given_is_not_given_again_after_a_move(place) {
        for from in [Place::sqlite(), Place::postgres()] {
            let store = from.open().await;
            store.migrate(NUMBERED).await.unwrap();
            for _ in 0..5 {
                add_task(&store).await;
            }
            let mut tx = store.begin(Scope::System).await.unwrap();
            tx.execute("DELETE FROM tasks WHERE number > 3", params![]).await.unwrap();
            tx.commit().await.unwrap();
            let source = |place: &Place| Source { service: "maker".to_owned(), store: place.config.clone() };
            let snapshot = Snapshot::take(vec![source(&from)]).await.unwrap();
            let tables = snapshot.tables("maker").await.unwrap();
            let table = tables.iter().find(|table| table.name == "tasks").unwrap();
            let mut file = Vec::new();
            copy(&snapshot, "maker", table, &mut file).await.unwrap();

            let target = match place.config {
                StoreConfig::Sqlite { .. } => Place::sqlite(),
                StoreConfig::Postgres { .. } => Place::postgres(),
            };
            let there = target.open().await;
            there.migrate_as(NUMBERED, &snapshot.applied("maker").await.unwrap()).await.unwrap();
            let tables = Snapshot::take(vec![source(&target)]).await.unwrap().tables("maker").await.unwrap();
            let mut loader = Loader::begin(&there, "maker", tables).await.unwrap();
            assert_eq!(loader.load("tasks", &mut Cursor::new(file)).await.unwrap().rows, 3);
            loader.commit().await.unwrap();
            assert_eq!(add_task(&there).await, 6);
        }
    }
}

#[tokio::test]
async fn a_schema_of_a_later_program_is_refused() {
    let place = Place::sqlite();
    let later = |version| Applied { owner: "service".to_owned(), version, name: "later".to_owned() };
    let error = place.open().await.migrate_as(NUMBERED, &[later(1), later(2)]).await.unwrap_err().to_string();
    assert!(error.contains("later 2"), "{error}");
}

#[tokio::test]
async fn a_snapshot_stays_as_it_was_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let (store, source) = filled(folder.path()).await;
    let snapshot = Snapshot::take(vec![source]).await.unwrap();
    let mut tx = store.begin(Scope::System).await.unwrap();
    tx.execute("DELETE FROM things", params![]).await.unwrap();
    tx.commit().await.unwrap();
    let table = snapshot.tables("maker").await.unwrap().into_iter().find(|table| table.name == "things").unwrap();
    let total = copy(&snapshot, "maker", &table, &mut Vec::new()).await.unwrap();
    assert_eq!(total.rows, 700);
}
