//! Units of work that commit only while a lease is held.

use std::sync::Arc;

use super::{Dialect, Query, Row, Scope, Shared, Store, StoreError, Tx};
use crate::params;

tokio::task_local! {
    static HELD: Fence;
}

/// A lease's token. Inside its scope every unit of work of its store commits only while the lease still has this token, so that
/// a leader that was taken over, and does not know it yet, changes nothing any more.
#[derive(Clone)]
pub(crate) struct Fence {
    store: Arc<Shared>,
    name: &'static str,
    token: i64,
}

impl Fence {
    pub(crate) fn new(store: &Store, name: &'static str, token: i64) -> Self {
        Self { store: Arc::clone(&store.shared), name, token }
    }

    /// Fences what this work commits. Nobody can forget to ask for it, as the work's code does not have to.
    pub(crate) async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        HELD.scope(self.clone(), work).await
    }

    /// The fence around the calling code, if it is this store's: in one process a call may lead into another service.
    pub(super) fn here(store: &Arc<Shared>) -> Option<Self> {
        HELD.try_with(|fence| Arc::ptr_eq(&fence.store, store).then(|| fence.clone())).ok().flatten()
    }

    /// Whether the lease still has the token, and until the transaction's end nobody can take it: on PostgreSQL whoever tries
    /// waits for the row, on SQLite for the one writer.
    pub(super) async fn check(&self, tx: &mut Tx) -> Result<(), StoreError> {
        if self.store.clock.simulation().is_some_and(|simulation| simulation.is_unfenced()) {
            return Ok(());
        }
        let sql = match self.store.database.dialect() {
            Dialect::Sqlite => "SELECT token FROM _leases WHERE name = $1 AND token = $2 AND holder IS NOT NULL",
            Dialect::Postgres => {
                "SELECT token FROM _leases WHERE name = $1 AND token = $2 AND holder IS NOT NULL FOR SHARE"
            }
        };
        tx.rescope(Scope::System);
        let held: Vec<Row> = tx.rows(sql, params![self.name, self.token]).await?;
        if held.is_empty() { Err(StoreError::Fenced(self.name)) } else { Ok(()) }
    }
}
