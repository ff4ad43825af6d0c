//! Units of work.

use std::sync::Arc;

use super::{Fence, Query, Row, Scope, Shared, Store, StoreError, Value, postgres, sqlite};
use crate::time::Clock;

/// A unit of work: all of it happens, or nothing. Dropped without [`Tx::commit`], nothing has.
///
/// After a statement that failed, or whose future was dropped before its end, it can only be dropped: PostgreSQL would refuse
/// anything else, and a service must not behave differently on `SQLite`.
pub struct Tx {
    shared: Arc<Shared>,
    scope: Scope,
    work: Work,
    /// Whether a statement failed, or is on its way and its answer was never heard.
    aborted: bool,
    published: bool,
    fence: Option<Fence>,
}

pub(super) enum Work {
    Sqlite(sqlite::Unit),
    Postgres(Box<postgres::Unit>),
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("service", &self.shared.service).field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Tx {
    pub(super) fn new(shared: Arc<Shared>, scope: Scope, work: Work, fence: Option<Fence>) -> Self {
        Self { shared, scope, work, aborted: false, published: false, fence }
    }

    /// Changes rows; how many.
    pub async fn execute(&mut self, sql: &str, params: Vec<Value>) -> Result<u64, StoreError> {
        let (text, params) = self.shared.prepare(self.scope, sql, params)?;
        self.start()?;
        let changed = match &mut self.work {
            Work::Sqlite(unit) => unit.execute(text, params)?,
            Work::Postgres(unit) => unit.execute(&text, &params).await?,
        };
        self.aborted = false;
        Ok(changed)
    }

    /// Makes it durable: when this returns, it survives the end of the process and of the machine's power.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if let Some(fence) = self.fence.take() {
            // Last, so that the lease's row is kept from the next leader for as short as possible.
            fence.check(&mut self).await?;
        }
        self.start()?;
        let simulation = self.shared.clock.simulation().cloned();
        if let Some(simulation) = &simulation {
            simulation.before_commit().await?;
        }
        match self.work {
            Work::Sqlite(unit) => unit.commit(self.published).await?,
            Work::Postgres(unit) => {
                unit.commit().await?;
                if self.published {
                    self.shared.published.notify_one();
                }
            }
        }
        match simulation {
            Some(simulation) => simulation.after_commit().await,
            None => Ok(()),
        }
    }

    /// Runs several statements without parameters.
    pub(super) async fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        self.start()?;
        match &mut self.work {
            Work::Sqlite(unit) => unit.script(sql)?,
            Work::Postgres(unit) => unit.script(sql).await?,
        }
        self.aborted = false;
        Ok(())
    }

    /// Until the statement has ended well, it counts as failed: a dropped future leaves it like that.
    fn start(&mut self) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.aborted, true) { Err(StoreError::Aborted) } else { Ok(()) }
    }

    /// Whether it is a unit of work of this store.
    pub(crate) fn is_of(&self, store: &Store) -> bool {
        Arc::ptr_eq(&self.shared, &store.shared)
    }

    /// Goes on in another scope.
    pub(crate) fn rescope(&mut self, scope: Scope) {
        self.scope = scope;
    }

    /// The store's clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Its commit tells the relay that there are events.
    pub(crate) fn mark_published(&mut self) {
        self.published = true;
    }
}

impl Query for Tx {
    async fn rows(&mut self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let (text, params) = self.shared.prepare(self.scope, sql, params)?;
        self.start()?;
        let rows = match &mut self.work {
            Work::Sqlite(unit) => unit.rows(text, params)?,
            Work::Postgres(unit) => unit.rows(&text, &params).await?,
        };
        self.aborted = false;
        Ok(rows)
    }
}
