//! Units of work.

use super::*;
use crate::params;

const ITEMS: &str = "CREATE TABLE items (
    id        TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    name      TEXT NOT NULL UNIQUE,
    amount    BIGINT NOT NULL CHECK (amount >= 0),
    parent    TEXT REFERENCES items (id)
)";

async fn add(tx: &mut Tx, id: &str, amount: i64) -> Result<u64, StoreError> {
    tx.execute(
        "INSERT INTO items (id, tenant_id, name, amount) VALUES ($1, :tenant, $2, $3)",
        params![id, format!("name of {id}"), amount],
    )
    .await
}

async fn ids(mut query: impl Query) -> Vec<String> {
    let rows: Vec<Scalar<String>> =
        query.query("SELECT id FROM items WHERE tenant_id = :tenant ORDER BY id", params![]).await.unwrap();
    rows.into_iter().map(|Scalar(id)| id).collect()
}

on_both! {
    async fn a_unit_is_seen_by_others_after_its_commit(place) {
        let store = place.with(ITEMS).await;
        let tenant = tenant();
        let mut tx = store.begin(tenant).await.unwrap();
        assert_eq!(add(&mut tx, "a", 1).await.unwrap(), 1);
        assert_eq!(ids(store.read(tenant)).await, [] as [&str; 0]);
        let Scalar(own) = tx
            .query_one::<Scalar<i64>>("SELECT COUNT(*) AS n FROM items WHERE tenant_id = :tenant", params![])
            .await
            .unwrap();
        assert_eq!(own, 1, "it sees its own changes");
        tx.commit().await.unwrap();
        assert_eq!(ids(store.read(tenant)).await, ["a"]);
    }

    async fn a_unit_dropped_without_commit_leaves_nothing(place) {
        let store = place.with(ITEMS).await;
        let tenant = tenant();
        let mut tx = store.begin(tenant).await.unwrap();
        add(&mut tx, "a", 1).await.unwrap();
        drop(tx);
        let mut tx = store.begin(tenant).await.unwrap();
        add(&mut tx, "b", 1).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(ids(store.read(tenant)).await, ["b"]);
    }

    async fn a_tenants_statement_names_the_tenant_and_reaches_no_other(place) {
        let store = place.with(ITEMS).await;
        let (ours, theirs) = (tenant(), tenant());
        let mut tx = store.begin(theirs).await.unwrap();
        add(&mut tx, "a", 1).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = store.begin(ours).await.unwrap();
        let unscoped = tx.execute("DELETE FROM items", params![]).await;
        assert!(matches!(unscoped, Err(StoreError::Unscoped { .. })));
        let unscoped = store.read(ours).rows("SELECT * FROM items", params![]).await;
        assert!(matches!(unscoped, Err(StoreError::Unscoped { .. })));
        let nobodys = store.read(Scope::System).rows("SELECT * FROM items WHERE tenant_id = :tenant", params![]).await;
        assert!(matches!(nobodys, Err(StoreError::NoTenant { .. })));
        assert_eq!(tx.execute("DELETE FROM items WHERE tenant_id = :tenant", params![]).await.unwrap(), 0);
        assert_eq!(ids(store.read(ours)).await, [] as [&str; 0]);

        tx.rescope(Scope::Tenant(theirs));
        assert_eq!(tx.execute("DELETE FROM items WHERE tenant_id = :tenant", params![]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(ids(store.read(theirs)).await, [] as [&str; 0]);
    }

    async fn a_taken_key_is_a_conflict_and_other_rules_are_not(place) {
        let store = place.with(ITEMS).await;
        let tenant = tenant();
        let mut tx = store.begin(tenant).await.unwrap();
        add(&mut tx, "a", 1).await.unwrap();
        tx.commit().await.unwrap();
        let refused = [
            ("INSERT INTO items (id, tenant_id, name, amount) VALUES ('a', :tenant, 'other', 1)", true),
            ("INSERT INTO items (id, tenant_id, name, amount) VALUES ('b', :tenant, 'name of a', 1)", true),
            ("INSERT INTO items (id, tenant_id, name, amount) VALUES ('b', :tenant, 'other', -1)", false),
            ("INSERT INTO items (id, tenant_id, name, amount) VALUES ('b', :tenant, NULL, 1)", false),
            ("INSERT INTO items (id, tenant_id, name, amount, parent) VALUES ('b', :tenant, 'other', 1, 'none')", false),
        ];
        for (statement, conflict) in refused {
            let error = store.begin(tenant).await.unwrap().execute(statement, params![]).await.unwrap_err();
            match error {
                StoreError::Conflict { constraint } => assert!(conflict && constraint.contains("items"), "{statement}"),
                StoreError::Constraint { .. } => assert!(!conflict, "{statement}"),
                other => panic!("{statement}: {other}"),
            }
        }
    }

    async fn after_a_failed_statement_a_unit_can_only_be_dropped(place) {
        let store = place.with(ITEMS).await;
        let tenant = tenant();
        let mut tx = store.begin(tenant).await.unwrap();
        add(&mut tx, "a", 1).await.unwrap();
        assert!(matches!(add(&mut tx, "a", 1).await, Err(StoreError::Conflict { .. })));
        assert_eq!(add(&mut tx, "b", 1).await, Err(StoreError::Aborted));
        assert_eq!(tx.commit().await, Err(StoreError::Aborted));
        assert_eq!(ids(store.read(tenant)).await, [] as [&str; 0]);
        assert!(store.begin(tenant).await.is_ok());
    }

    async fn a_mistake_in_a_statement_is_told_and_does_no_harm(place) {
        let store = place.with(ITEMS).await;
        let mut tx = store.begin(Scope::System).await.unwrap();
        let error = tx.execute("INSRT INTO items", params![]).await.unwrap_err();
        assert!(matches!(&error, StoreError::Database(message) if message.contains("INSRT")), "{error}");
        drop(tx);
        let error = store.read(Scope::System).rows("SELECT $1, $2 FROM items", params![1_i64]).await;
        assert!(matches!(error, Err(StoreError::Database(_))), "a parameter is missing");
        store.ping().await.unwrap();
    }

    async fn a_reader_can_not_write(place) {
        let store = place.with(ITEMS).await;
        let insert = "INSERT INTO items (id, tenant_id, name, amount) VALUES ('a', :tenant, 'a', 1) RETURNING id";
        let tenant = tenant();
        assert!(matches!(store.read(tenant).rows(insert, params![]).await, Err(StoreError::Database(_))));
        assert_eq!(ids(store.read(tenant)).await, [] as [&str; 0]);
        let mut tx = store.begin(tenant).await.unwrap();
        assert_eq!(tx.execute(insert, params![]).await.unwrap(), 1, "in a unit of work it may");
    }

    async fn a_row_that_must_be_there_and_is_not_is_not_found(place) {
        let store = place.with(ITEMS).await;
        let (sql, mut reader) = ("SELECT id FROM items WHERE id = $1", store.read(Scope::System));
        let missing = reader.query_one::<Scalar<String>>(sql, params!["a"]).await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })));
        assert_eq!(reader.query_optional::<Scalar<String>>(sql, params!["a"]).await, Ok(None));
    }

    async fn many_units_at_once_all_happen_once(place) {
        let store = place.with(ITEMS).await;
        let tenant = tenant();
        let mut tx = store.begin(tenant).await.unwrap();
        add(&mut tx, "sum", 0).await.unwrap();
        tx.commit().await.unwrap();
        let units = (0..100).map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.begin(tenant).await?;
                add(&mut tx, &format!("{number:03}"), 1).await?;
                let sql = "UPDATE items SET amount = amount + 1 WHERE tenant_id = :tenant AND id = 'sum'";
                tx.execute(sql, params![]).await?;
                if number % 10 == 0 { Ok(()) } else { tx.commit().await }
            })
        });
        for unit in futures::future::join_all(units).await {
            unit.unwrap().unwrap();
        }
        let Scalar(sum) = store
            .read(tenant)
            .query_one::<Scalar<i64>>("SELECT amount FROM items WHERE tenant_id = :tenant AND id = 'sum'", params![])
            .await
            .unwrap();
        assert_eq!(sum, 90, "each tenth was dropped");
        assert_eq!(ids(store.read(tenant)).await.len(), 91);
    }

    async fn the_relay_is_told_of_durable_events_only(place) {
        let store = place.with(ITEMS).await;
        let published = store.published();
        let told = || futures::FutureExt::now_or_never(published.notified()).is_some();
        let tenant = tenant();
        let mut dropped = store.begin(tenant).await.unwrap();
        dropped.mark_published();
        drop(dropped);
        let mut quiet = store.begin(tenant).await.unwrap();
        add(&mut quiet, "a", 1).await.unwrap();
        quiet.commit().await.unwrap();
        assert!(!told());
        let mut publishing = store.begin(tenant).await.unwrap();
        publishing.mark_published();
        publishing.commit().await.unwrap();
        assert!(told());
    }

    async fn closing_waits_for_what_runs_and_refuses_what_comes(place) {
        let store = place.with(ITEMS).await;
        let tenant = tenant();
        let mut tx = store.begin(tenant).await.unwrap();
        let closing = tokio::spawn({
            let store = store.clone();
            async move { store.close().await }
        });
        add(&mut tx, "a", 1).await.unwrap();
        tx.commit().await.unwrap();
        closing.await.unwrap();
        assert_eq!(store.begin(tenant).await.map(drop), Err(StoreError::Closed));
        assert_eq!(store.ping().await, Err(StoreError::Closed));
        store.close().await;
        assert_eq!(ids(place.open().await.read(tenant)).await, ["a"]);
    }
}
