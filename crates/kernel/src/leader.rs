//! Leader election for singletons: a lease in the service's own store, with a token that only grows (docs/adr/0009).
//!
//! No two machines' clocks are compared. The holder promises to renew the lease within [`TERM`] of its own monotonic clock and
//! stops when it could not; whoever wants the lease watches it unchanged for [`LAPSE`] of its own. A holder that was stopped
//! and goes on later than that is kept from committing by its token ([`Fence`]).

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::params;
use crate::store::{Fence, FromRow, Migration, Query, Row, Scope, Store, StoreError};
use crate::time::Timestamp;

/// How long a holder may act without having renewed.
pub(crate) const TERM: Duration = Duration::from_secs(4);
/// How long a lease must be seen unchanged before it is taken: the term, and more for clocks that do not run alike.
pub(crate) const LAPSE: Duration = Duration::from_secs(5);
/// How often a holder renews, and others look at a lease that is held.
pub(crate) const RENEWAL: Duration = Duration::from_secs(1);

/// `_leases`: `token` counts the holders, `renewals` what the one at hand did to keep it, `holder` is NULL while it is free.
/// `ended_at` only saves work after a restart: whether a lease may be taken does not depend on it.
pub(crate) const SCHEMA: Migration = Migration::new(
    3,
    "leases",
    "CREATE TABLE _leases (
         name     TEXT PRIMARY KEY,
         token    BIGINT NOT NULL,
         renewals BIGINT NOT NULL,
         holder   TEXT,
         ended_at BIGINT
     )",
);

/// A lease as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    token: i64,
    renewals: i64,
    holder: Option<String>,
    ended_at: Option<Timestamp>,
}

impl FromRow for Seen {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            token: row.get("token")?,
            renewals: row.get("renewals")?,
            holder: row.get("holder")?,
            ended_at: row.get("ended_at")?,
        })
    }
}

/// What a look at the lease found.
pub(crate) enum Found {
    /// It is ours now.
    Ours(Held),
    /// Another instance has it, or was faster.
    Theirs,
    /// Another instance had it since our last look, and the work is done; that long until it is due again.
    Done(Duration),
}

/// An instance that wants a lease now and then.
pub(crate) struct Candidate {
    store: Store,
    name: &'static str,
    /// The work behind the lease is due this long after its last end.
    period: Duration,
    holder: String,
    seen: Option<(Seen, Instant)>,
}

impl Candidate {
    pub(crate) fn new(store: Store, name: &'static str, period: Duration, holder: String) -> Self {
        Self { store, name, period, holder, seen: None }
    }

    /// Looks at the lease, and takes it when the work is due or `asked` for and nobody else is at it.
    pub(crate) async fn look(&mut self, asked: bool) -> Result<Found, StoreError> {
        let found = self.read().await?;
        let before = self.seen.take();
        let (since, unchanged) = match &before {
            Some((seen, since)) if *seen == found => (*since, true),
            _ => (Instant::now(), false),
        };
        self.seen = Some((found.clone(), since));
        if found.holder.is_some() {
            return if since.elapsed() >= LAPSE { self.take(found).await } else { Ok(Found::Theirs) };
        }
        if asked || unchanged {
            return self.take(found).await;
        }
        let done = match before {
            Some(_) => Some(self.period),
            // The first look: what another instance, or we before a restart, did recently.
            None => self.rest(&found),
        };
        match done {
            Some(rest) => Ok(Found::Done(rest)),
            None => self.take(found).await,
        }
    }

    /// How long the work that was done before our first look still lasts. A clock that jumped makes it come too often or once
    /// late, and nothing worse.
    fn rest(&self, found: &Seen) -> Option<Duration> {
        let (now, ended_at) = (self.store.now(), found.ended_at?);
        if now < ended_at { None } else { self.period.checked_sub(now.since(ended_at)).filter(|rest| !rest.is_zero()) }
    }

    async fn read(&self) -> Result<Seen, StoreError> {
        let sql = "SELECT token, renewals, holder, ended_at FROM _leases WHERE name = $1";
        if let Some(seen) = self.store.read(Scope::System).query_optional(sql, params![self.name]).await? {
            return Ok(seen);
        }
        let mut tx = self.store.begin(Scope::System).await?;
        let first = "INSERT INTO _leases (name, token, renewals) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING";
        tx.execute(first, params![self.name]).await?;
        tx.commit().await?;
        self.store.read(Scope::System).query_one(sql, params![self.name]).await
    }

    async fn take(&mut self, found: Seen) -> Result<Found, StoreError> {
        let begun = Instant::now();
        let mut tx = self.store.begin(Scope::System).await?;
        let taken = tx
            .execute(
                "UPDATE _leases SET token = token + 1, renewals = 0, holder = $4
                 WHERE name = $1 AND token = $2 AND renewals = $3",
                params![self.name, found.token, found.renewals, self.holder.as_str()],
            )
            .await?;
        if taken == 0 {
            return Ok(Found::Theirs);
        }
        tx.commit().await?;
        if let Some(silent) = found.holder {
            tracing::warn!(lease = self.name, %silent, token = found.token + 1, "a lease was taken from an instance that fell silent");
        }
        Ok(Found::Ours(Held {
            store: self.store.clone(),
            name: self.name,
            token: found.token + 1,
            until: begun + TERM,
        }))
    }

    /// Gives the lease back. Others see by the token that the work was done, and by `ended_at` if they start now.
    pub(crate) async fn release(&mut self, held: Held, well: bool) -> Result<(), StoreError> {
        let ended_at = well.then(|| self.store.now());
        let mut tx = self.store.begin(Scope::System).await?;
        let released: Option<Seen> = tx
            .query_optional(
                "UPDATE _leases SET holder = NULL, renewals = renewals + 1, ended_at = COALESCE($3, ended_at)
                 WHERE name = $1 AND token = $2 AND holder IS NOT NULL RETURNING token, renewals, holder, ended_at",
                params![held.name, held.token, ended_at],
            )
            .await?;
        tx.commit().await?;
        // What we did ourselves is nothing new at our next look.
        self.seen = released.map(|seen| (seen, Instant::now())).or(self.seen.take());
        Ok(())
    }
}

/// A lease in our hands.
pub(crate) struct Held {
    store: Store,
    name: &'static str,
    token: i64,
    /// When we have to stop, unless we renew.
    until: Instant,
}

impl Held {
    /// Keeps everything that the work commits to what this token allows.
    pub(crate) fn fence(&self) -> Fence {
        Fence::new(&self.store, self.name, self.token)
    }

    /// Renews the lease for as long as that works; ends when it is lost.
    pub(crate) async fn keep(&mut self) {
        loop {
            sleep(RENEWAL).await;
            let begun = Instant::now();
            match timeout_at(self.until, self.renew()).await {
                Ok(Ok(true)) => self.until = begun + TERM,
                Ok(Err(error)) if Instant::now() < self.until => {
                    tracing::debug!(lease = self.name, %error, "a lease could not be renewed yet");
                }
                // Taken over, or a term without a word from the store: another instance may have it by now.
                Ok(Ok(false) | Err(_)) | Err(_) => break,
            }
        }
        if self.store.simulation().is_some_and(|simulation| simulation.is_reckless()) {
            std::future::pending::<()>().await;
        }
    }

    async fn renew(&self) -> Result<bool, StoreError> {
        let mut tx = self.store.begin(Scope::System).await?;
        let sql = "UPDATE _leases SET renewals = renewals + 1 WHERE name = $1 AND token = $2 AND holder IS NOT NULL";
        let renewed = tx.execute(sql, params![self.name, self.token]).await?;
        tx.commit().await?;
        Ok(renewed == 1)
    }
}
