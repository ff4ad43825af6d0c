//! Values on their way in and out.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::params;

const KINDS: &str = "CREATE TABLE kinds (
    id    BIGINT PRIMARY KEY,
    truth BOOLEAN,
    whole BIGINT,
    real  DOUBLE PRECISION,
    words TEXT,
    bytes BLOB
)";

type Kinds = (Option<bool>, Option<i64>, Option<f64>, Option<String>, Option<Vec<u8>>);

impl FromRow for Kinds {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok((row.get("truth")?, row.get("whole")?, row.get("real")?, row.get("words")?, row.get("bytes")?))
    }
}

async fn there_and_back(store: &Store, kinds: &Kinds) -> Kinds {
    let (truth, whole, real, words, bytes) = kinds.clone();
    let mut tx = store.begin(Scope::System).await.unwrap();
    tx.execute("DELETE FROM kinds", params![]).await.unwrap();
    tx.execute(
        "INSERT INTO kinds (id, truth, whole, real, words, bytes) VALUES (1, $1, $2, $3, $4, $5)",
        params![truth, whole, real, words, bytes],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    store.read(Scope::System).query_one("SELECT * FROM kinds", params![]).await.unwrap()
}

/// Text without U+0000, which PostgreSQL can't keep, and numbers that are one.
fn kinds() -> impl Strategy<Value = Kinds> {
    let real = any::<f64>().prop_filter("a number", |real| real.is_finite());
    (
        any::<Option<bool>>(),
        any::<Option<i64>>(),
        proptest::option::of(real),
        proptest::option::of("[^\u{0}]{0,40}"),
        any::<Option<Vec<u8>>>(),
    )
}

on_both! {
    async fn values_of_every_kind_come_back_as_they_were(place) {
        let store = place.with(KINDS).await;
        let edges: [Kinds; 3] = [
            (None, None, None, None, None),
            (Some(true), Some(i64::MIN), Some(f64::MIN_POSITIVE), Some(String::new()), Some(vec![])),
            (Some(false), Some(i64::MAX), Some(-0.5), Some("'é\u{1F3AC}\" $1 :tenant".to_owned()), Some(vec![0, 255])),
        ];
        for kinds in edges {
            assert_eq!(there_and_back(&store, &kinds).await, kinds);
        }
        let runtime = tokio::runtime::Handle::current();
        let law = move || {
            let config = ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() };
            TestRunner::new(config).run(&kinds(), |kinds| {
                prop_assert_eq!(runtime.block_on(there_and_back(&store, &kinds)), kinds);
                Ok(())
            })
        };
        tokio::task::spawn_blocking(law).await.unwrap().unwrap();
    }

    async fn a_whole_number_fits_a_column_of_reals_and_small_whole_numbers(place) {
        let store = place.with("CREATE TABLE t (real DOUBLE PRECISION, small INTEGER, tiny SMALLINT)").await;
        let mut tx = store.begin(Scope::System).await.unwrap();
        tx.execute("INSERT INTO t VALUES ($1, $2, $3)", params![7_i64, 8_i64, 9_i64]).await.unwrap();
        let row: Row = tx.query_one("SELECT * FROM t", params![]).await.unwrap();
        assert_eq!(row.get("real"), Ok(7.0));
        assert_eq!((row.get("small"), row.get("tiny")), (Ok(8_i64), Ok(9_i64)));
    }

    async fn a_null_fits_where_the_type_is_not_known(place) {
        let store = place.with(KINDS).await;
        let Scalar(found) = store
            .read(Scope::System)
            .query_one::<Scalar<Option<String>>>("SELECT COALESCE($1, $2) AS words", params![Value::Null, Value::Null])
            .await
            .unwrap();
        assert_eq!(found, None);
    }

    async fn a_value_of_another_kind_names_its_column(place) {
        let store = place.with(KINDS).await;
        there_and_back(&store, &(None, Some(1), None, Some("no id".to_owned()), None)).await;
        let row: Row = store.read(Scope::System).query_one("SELECT * FROM kinds", params![]).await.unwrap();
        let named = |error| matches!(error, StoreError::Column { column, .. } if column == "words");
        assert!(named(row.get::<i64>("words").unwrap_err()));
        assert!(named(row.get::<Uuid>("words").unwrap_err()));
        assert!(row.get::<i64>("absent").is_err());
        assert!(row.get::<i64>("truth").is_err(), "NULL is no number");
    }

    async fn what_is_asked_in_the_usual_ways_has_the_same_type(place) {
        let store = place.with(KINDS).await;
        there_and_back(&store, &(Some(true), Some(3), None, None, None)).await;
        let row: Row = store
            .read(Scope::System)
            .query_one(
                "SELECT COUNT(*) AS n, MAX(whole) AS most, 1 AS one, whole + 1 AS next,
                        EXISTS (SELECT 1 FROM kinds WHERE truth) AS any_true
                 FROM kinds WHERE whole < $1 GROUP BY whole LIMIT $2",
                params![10_i64, 5_u32],
            )
            .await
            .unwrap();
        let whole = |column| row.get::<i64>(column).unwrap();
        assert_eq!(["n", "most", "one", "next"].map(whole), [1, 3, 1, 4]);
        assert_eq!(row.get("any_true"), Ok(true));
    }
}
