//! A unit of work.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::ANOTHER_PROCESS;
use super::batch::Batch;
use super::writer::Turn;
use crate::store::{Row, StoreError, Value};

/// A unit of work that has its turn. Its statements run where they are called: they are short, and only the commit waits for
/// the disk.
pub(in crate::store) struct Unit {
    turn: Turn,
    done: bool,
}

impl Unit {
    pub(super) async fn begin(mut turn: Turn) -> Result<Self, StoreError> {
        let until = Instant::now() + turn.batch().limits().wait;
        loop {
            match turn.batch().begin() {
                Ok(()) => return Ok(Self { turn, done: false }),
                Err(StoreError::Busy(_)) if Instant::now() < until => tokio::time::sleep(ANOTHER_PROCESS).await,
                Err(error) => return Err(error),
            }
        }
    }

    fn batch(&mut self) -> &mut Batch {
        self.turn.batch()
    }

    pub(in crate::store) fn execute(
        &mut self,
        text: impl Into<Arc<str>>,
        params: Vec<Value>,
    ) -> Result<u64, StoreError> {
        self.batch().execute(text.into(), params)
    }

    pub(in crate::store) fn rows(
        &mut self,
        text: impl Into<Arc<str>>,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.batch().rows(text.into(), params)
    }

    pub(in crate::store) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        self.batch().script(sql)
    }

    /// Gives the turn on and waits until the disk has it.
    pub(in crate::store) async fn commit(mut self, published: bool) -> Result<(), StoreError> {
        if self.turn.writer().is_calm() {
            // Those who are about to write get the chance to come along.
            tokio::task::yield_now().await;
        }
        let (answer, durable) = oneshot::channel();
        self.batch().done(published, answer)?;
        self.done = true;
        drop(self);
        durable.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        if !self.done {
            self.batch().undo();
        }
    }
}
