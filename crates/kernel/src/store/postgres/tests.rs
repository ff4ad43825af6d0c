//! What only PostgreSQL can do to us.

use futures::poll;

use crate::params;
use crate::store::tests::{Place, administer, server};
use crate::store::{Query, Row, Scalar, Scope, Store, StoreConfig, StoreError, Tx};

const ROWS: &str = "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)";
const SET: &str = "UPDATE t SET n = n + 1 WHERE id = $1";

async fn with_rows(place: &Place) -> Store {
    let store = place.with(ROWS).await;
    let mut tx = store.begin(Scope::System).await.unwrap();
    tx.execute("INSERT INTO t VALUES (1, 0), (2, 0)", params![]).await.unwrap();
    tx.commit().await.unwrap();
    store
}

async fn sum(store: &Store) -> i64 {
    let Scalar(sum) =
        store.read(Scope::System).query_one("SELECT CAST(SUM(n) AS BIGINT) AS n FROM t", params![]).await.unwrap();
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_units_that_wait_for_each_other_one_is_to_be_tried_again() {
    let place = Place::postgres();
    let store = with_rows(&place).await;
    let both_ways = [[1_i64, 2], [2, 1]].map(|order| {
        let store = store.clone();
        async move {
            let mut tx = store.begin(Scope::System).await.unwrap();
            tx.execute(SET, params![order[0]]).await.unwrap();
            (tx, order[1])
        }
    });
    let [first, second] = both_ways;
    let finish = |(mut tx, other): (Tx, i64)| async move {
        tx.execute(SET, params![other]).await?;
        tx.commit().await
    };
    let (first, second) = tokio::join!(first, second);
    let (first, second) = tokio::join!(finish(first), finish(second));
    let refused = [&first, &second].into_iter().filter(|end| matches!(end, Err(StoreError::Retry(_)))).count();
    assert_eq!(refused, 1, "{first:?} {second:?}");
    assert!(first.is_ok() || second.is_ok());
    assert_eq!(sum(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_can_not_be_put_in_order_is_to_be_tried_again() {
    let place = Place::postgres();
    let store = with_rows(&place).await;
    let mut first = store.begin(Scope::System).await.unwrap();
    first.script("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    first.rows("SELECT n FROM t", params![]).await.unwrap();
    let mut second = store.begin(Scope::System).await.unwrap();
    second.execute(SET, params![1_i64]).await.unwrap();
    second.commit().await.unwrap();
    assert!(matches!(first.execute(SET, params![1_i64]).await, Err(StoreError::Retry(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_whose_caller_is_gone_is_stopped_and_its_unit_leaves_nothing() {
    let place = Place::postgres_with(1);
    let store = with_rows(&place).await;
    let mut tx = store.begin(Scope::System).await.unwrap();
    tx.execute(SET, params![1_i64]).await.unwrap();
    {
        let mut slow = Box::pin(tx.rows("SELECT pg_sleep(300)", params![]));
        assert!(poll!(&mut slow).is_pending());
    }
    assert_eq!(tx.execute(SET, params![2_i64]).await, Err(StoreError::Aborted));
    assert_eq!(tx.commit().await, Err(StoreError::Aborted));
    // The pool has one connection, so this waits until the statement is stopped.
    assert_eq!(sum(&store).await, 0);
    {
        let mut reader = store.read(Scope::System);
        let mut slow = Box::pin(reader.rows("SELECT pg_sleep(300)", params![]));
        assert!(poll!(&mut slow).is_pending());
    }
    assert_eq!(sum(&store).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_are_replaced() {
    let place = Place::postgres();
    let store = with_rows(&place).await;
    let StoreConfig::Postgres { schema, .. } = &place.config else { unreachable!("it is PostgreSQL") };
    let kill = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nexus test'
         AND pid IN (SELECT pid FROM pg_locks JOIN pg_class ON pg_class.oid = relation
                     JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = '{schema}')"
    );
    for number in 1..=3 {
        // All connections of the pool hold a lock on the table, which tells them from those of other tests.
        let mut units = Vec::new();
        for _ in 0..3 {
            let mut tx = store.begin(Scope::System).await.unwrap();
            tx.rows("SELECT n FROM t", params![]).await.unwrap();
            units.push(tx);
        }
        administer(&kill).await;
        let lost = units.pop().unwrap().execute(SET, params![1_i64]).await;
        assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
        drop(units);
        let mut tx = store.begin(Scope::System).await.unwrap();
        tx.execute(SET, params![1_i64]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(sum(&store).await, number);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_not_waited_for_without_end() {
    let place = Place::postgres();
    let store = with_rows(&place).await;
    let mut first = store.begin(Scope::System).await.unwrap();
    first.execute(SET, params![1_i64]).await.unwrap();
    let mut second = store.begin(Scope::System).await.unwrap();
    second.script("SET LOCAL lock_timeout = 1").await.unwrap();
    assert!(matches!(second.execute(SET, params![1_i64]).await, Err(StoreError::Busy(_))));
    let setting = |name: &'static str| {
        let store = &store;
        async move {
            let Scalar(value) = store
                .read(Scope::System)
                .query_one::<Scalar<String>>("SELECT current_setting($1) AS value", params![name])
                .await
                .unwrap();
            value
        }
    };
    assert_eq!(setting("statement_timeout").await, "30s");
    assert_eq!(setting("lock_timeout").await, "10s");
    assert_eq!(setting("idle_in_transaction_session_timeout").await, "1min");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_a_migration_changed_is_read_at_the_second_try() {
    let place = Place::postgres_with(1);
    let store = with_rows(&place).await;
    let all = || async { store.read(Scope::System).query::<Row>("SELECT * FROM t", params![]).await };
    all().await.unwrap();
    let StoreConfig::Postgres { schema, .. } = &place.config else { unreachable!("it is PostgreSQL") };
    administer(&format!("ALTER TABLE {schema}.t ADD COLUMN more BIGINT NOT NULL DEFAULT 5")).await;
    let _ = all().await;
    assert_eq!(all().await.unwrap()[0].get("more"), Ok(5_i64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_sqlite_does_not_have_is_refused_by_name() {
    let place = Place::postgres();
    let store = with_rows(&place).await;
    let error = store.read(Scope::System).rows("SELECT SUM(n) AS total FROM t", params![]).await.unwrap_err();
    assert!(matches!(error, StoreError::Column { column, .. } if column == "total"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_is_unavailable() {
    let url = "postgres://nobody@127.0.0.1:1/none".to_owned();
    let config = StoreConfig::Postgres { url, schema: "none".to_owned(), pool: 1 };
    let store = Store::open(config, "test", crate::Clock::system()).await.unwrap();
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.migrate(&[]).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_or_a_schema_that_can_not_be_used_is_said_at_once() {
    for (url, schema) in [("nonsense", "good"), ("postgres://localhost/test", "bad\"name")] {
        let config = StoreConfig::Postgres { url: url.to_owned(), schema: schema.to_owned(), pool: 1 };
        let opened = Store::open(config, "test", crate::Clock::system()).await;
        assert!(matches!(opened, Err(StoreError::Config(_))), "{url} {schema}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_servers_the_one_that_takes_writes_is_found_and_reads_still_can_not_write() {
    let place = Place::postgres();
    let StoreConfig::Postgres { schema, .. } = place.config.clone() else { unreachable!("it is PostgreSQL") };
    let server = server();
    let (user, rest) =
        server.rsplit_once('@').unwrap_or(("postgres://postgres", server.trim_start_matches("postgres://")));
    let url = format!("{user}@127.0.0.1:1,{rest}?target_session_attrs=read-write");
    let config = StoreConfig::Postgres { url, schema, pool: 1 };
    let store = Store::open(config, "test", crate::Clock::system()).await.unwrap();
    store.migrate(&[]).await.unwrap();
    let written = store.read(Scope::System).query::<Row>("DELETE FROM _migrations RETURNING version", params![]).await;
    assert!(matches!(written, Err(StoreError::Database(_))), "{written:?}");
}
