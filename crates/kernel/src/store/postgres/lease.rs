//! A connection in use.

use deadpool_postgres::Object;
use futures::TryStreamExt;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::value;
use crate::store::{Row, StoreError, Value, WAIT};

/// A connection that goes back to the pool in the state in which it came: outside of a transaction and with nothing on its
/// way. Where that can't be sure it is given up, and the pool makes another.
pub(in crate::store) struct Lease {
    held: Option<(Object, OwnedSemaphorePermit)>,
    state: State,
    tls: MakeRustlsConnect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Clean,
    InTransaction,
    /// A statement is on its way, and if nobody waits for it any more, nobody knows what it did.
    Waiting,
    Broken,
}

impl Lease {
    pub(super) fn new(client: Object, permit: OwnedSemaphorePermit, tls: MakeRustlsConnect) -> Self {
        Self { held: Some((client, permit)), state: State::Clean, tls }
    }

    fn client(&self) -> &Object {
        &self.held.as_ref().expect("a lease has its connection until it is dropped").0
    }

    /// Begins a transaction that writes; without one a connection only reads.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        self.script("BEGIN READ WRITE").await?;
        self.state = State::InTransaction;
        Ok(())
    }

    pub(in crate::store) async fn commit(mut self) -> Result<(), StoreError> {
        self.script("COMMIT").await?;
        self.state = State::Clean;
        Ok(())
    }

    pub(in crate::store) async fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        let before = std::mem::replace(&mut self.state, State::Waiting);
        let result = self.client().batch_execute(sql).await;
        self.heard(before, result)
    }

    pub(in crate::store) async fn execute(&mut self, text: &str, params: &[Value]) -> Result<u64, StoreError> {
        let before = std::mem::replace(&mut self.state, State::Waiting);
        let client = self.client();
        let result = async { client.execute_raw(&client.prepare_cached(text).await?, params).await }.await;
        self.heard(before, result)
    }

    pub(in crate::store) async fn rows(&mut self, text: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let before = std::mem::replace(&mut self.state, State::Waiting);
        let client = self.client();
        let result = async {
            let statement = client.prepare_cached(text).await?;
            client.query_raw(&statement, params).await?.try_collect::<Vec<_>>().await
        };
        let result = result.await;
        value::rows(&self.heard(before, result)?)
    }

    /// The answer is here.
    fn heard<T>(&mut self, before: State, result: Result<T, tokio_postgres::Error>) -> Result<T, StoreError> {
        self.state = before;
        result.map_err(|error| {
            if error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) {
                // A prepared statement whose result has changed, because a later version migrated the schema.
                self.client().statement_cache.clear();
            }
            let error = StoreError::from(error);
            if matches!(error, StoreError::Unavailable(_)) {
                self.state = State::Broken;
            }
            error
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some((client, permit)) = self.held.take() else { return };
        match (self.state, Handle::try_current()) {
            (State::Clean, _) => {}
            // The permit goes along, so that closing the store waits for this.
            (State::InTransaction | State::Waiting, Ok(runtime)) => {
                runtime.spawn(tidy(client, permit, self.state, self.tls.clone()));
            }
            (State::Broken | State::InTransaction | State::Waiting, _) => drop(Object::take(client)),
        }
    }
}

/// Stops what runs and takes back what was changed.
async fn tidy(client: Object, permit: OwnedSemaphorePermit, state: State, tls: MakeRustlsConnect) {
    let work = async {
        if state == State::Waiting {
            client.cancel_token().cancel_query(tls).await?;
        }
        client.batch_execute("ROLLBACK").await
    };
    let outcome = tokio::time::timeout(WAIT, work).await;
    // A request to cancel may reach the server after the statement's end, and would then stop somebody else's next one. What a
    // connection that ends has not committed, the server rolls back.
    if state == State::InTransaction && matches!(outcome, Ok(Ok(()))) {
        drop(client);
    } else {
        drop(Object::take(client));
    }
    // Only now may another have it.
    drop(permit);
}
