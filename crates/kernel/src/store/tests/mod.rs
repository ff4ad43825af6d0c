//! The store as its users see it, on both databases.

mod migrations;
mod units;
mod values;

use tempfile::TempDir;
use tokio_postgres::NoTls;
use uuid::Uuid;

use super::*;

/// Declares tests that run on each database.
macro_rules! on_both {
    ($(async fn $name:ident($place:ident) $body:block)+) => {
        $(async fn $name($place: $crate::store::tests::Place) $body)+

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::store::tests::Place::sqlite()).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::store::tests::Place::postgres()).await;
            })+
        }
    };
}
pub(super) use on_both;

/// Where a store can be, of the test's own: a folder, or a schema.
pub(super) struct Place {
    pub(super) config: StoreConfig,
    _folder: Option<TempDir>,
}

/// The server that `NEXUS_TEST_POSTGRES` names.
pub(super) fn server() -> String {
    std::env::var("NEXUS_TEST_POSTGRES").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned())
}

/// Runs a statement outside of any store.
pub(super) async fn administer(statement: &str) {
    let (client, connection) = tokio_postgres::connect(&server(), NoTls).await.expect("PostgreSQL answers");
    let driver = tokio::spawn(connection);
    client.batch_execute(statement).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
}

impl Place {
    pub(super) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::Sqlite { path: folder.path().join("test.sqlite") };
        Self { config, _folder: Some(folder) }
    }

    pub(super) fn postgres() -> Self {
        Self::postgres_with(3)
    }

    pub(super) fn postgres_with(pool: usize) -> Self {
        let schema = format!("store_{}", Uuid::new_v4().simple());
        Self { config: StoreConfig::Postgres { url: server(), schema, pool }, _folder: None }
    }

    pub(super) async fn open(&self) -> Store {
        Store::open(self.config.clone(), "test", Clock::system()).await.unwrap()
    }

    /// A store with one table.
    pub(super) async fn with(&self, table: &'static str) -> Store {
        let store = self.open().await;
        store.migrate(&[Migration::new(1, "table", table)]).await.unwrap();
        store
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let StoreConfig::Postgres { schema, .. } = &self.config else { return };
        let statement = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(administer(&statement));
        });
        // A schema left behind is no reason to fail a test that passed.
        let _ = removed.join();
    }
}

/// A tenant.
pub(super) fn tenant() -> TenantId {
    TenantId(Uuid::now_v7())
}
