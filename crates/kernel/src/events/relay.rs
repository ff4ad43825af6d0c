//! Tells listeners of a service's new events, and on PostgreSQL numbers them first.

use std::sync::Arc;
use std::time::Duration;

use super::CloudEvent;
use super::outbox::{self, Numbered, PASS};
use crate::context::Context;
use crate::store::{Dialect, StoreError};

/// How long the relay waits for a commit that wakes it. What a process that died, or another one, left without a number gets
/// one after at most this.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it waits when another instance is at it: that one may have begun before our last commit.
const ELSEWHERE: Duration = Duration::from_millis(20);

struct Relay {
    context: Context,
    /// On SQLite: the last event that listeners were told of.
    told: Option<u64>,
    /// Whether the carrier took the last hints, so that an outage is logged once.
    carried: bool,
}

/// Runs until shutdown.
pub(super) async fn run(context: Context) {
    let published = context.store.published();
    let shutdown = context.shutdown.clone();
    let mut relay = Relay { context, told: None, carried: true };
    loop {
        let pause = match relay.pass().await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(service = relay.context.service, %error, "the relay could not read its log");
                INTERVAL
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = published.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Relay {
    /// Tells of what is new and says how long to wait then.
    async fn pass(&mut self) -> Result<Duration, StoreError> {
        loop {
            let events = match self.context.store.dialect() {
                Dialect::Sqlite => self.new_events().await?,
                Dialect::Postgres => match outbox::give_numbers(&self.context.store, self.context.service).await? {
                    Numbered::Events(events) => events,
                    Numbered::Elsewhere => return Ok(ELSEWHERE),
                },
            };
            let complete = events.len() < PASS as usize;
            self.tell(events).await;
            if complete || self.context.shutdown.is_cancelled() {
                return Ok(INTERVAL);
            }
        }
    }

    /// Listeners look into the log by themselves when they start, so a relay begins with what is committed after its own start.
    async fn new_events(&mut self) -> Result<Vec<CloudEvent>, StoreError> {
        let store = &self.context.store;
        let Some(told) = self.told else {
            self.told = Some(outbox::head(store).await?.position);
            return Ok(Vec::new());
        };
        let events = outbox::read(store, self.context.service, told, PASS).await?;
        self.told = Some(events.last().map_or(told, |last| last.position));
        Ok(events)
    }

    async fn tell(&mut self, events: Vec<CloudEvent>) {
        if events.is_empty() {
            return;
        }
        let events: Vec<_> = events.into_iter().map(Arc::new).collect();
        let service = self.context.service;
        match self.context.carrier.publish(service, &events).await {
            Ok(()) => self.carried = true,
            Err(error) if self.carried => {
                self.carried = false;
                tracing::warn!(service, %error, "listeners were not told of new events and will look for themselves");
            }
            Err(error) => tracing::debug!(service, %error, "listeners were still not told of new events"),
        }
    }
}
