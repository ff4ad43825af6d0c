//! What carries hints: an event with its number, told to whoever listens. A carrier may lose, repeat and reorder them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{BoxStream, unfold};
use tokio::sync::broadcast::{Receiver, Sender, channel, error::RecvError};

use super::CloudEvent;

/// Hints in the order in which they arrive.
pub type Hints = BoxStream<'static, Arc<CloudEvent>>;

/// Hints can't be carried now. Nothing is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// The bus's address can't be used.
    #[error("the bus's address: {0}; it must look like nats://host:4222")]
    Address(String),
    /// The bus can't be reached.
    #[error("the bus can't be reached; events arrive late until it can")]
    Down,
    /// The bus refused something.
    #[error("the bus: {0}")]
    Refused(String),
}

/// Carries hints from a service's relay to its listeners.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// Tells listeners of these events, which are one service's and in their order. Returns soon, whether it could or not.
    async fn publish(&self, source: &str, events: &[Arc<CloudEvent>]) -> Result<(), CarrierError>;

    /// Listens to a service's events from now on.
    async fn subscribe(&self, source: &str) -> Result<Hints, CarrierError>;

    /// Whether hints can be carried now.
    async fn ping(&self) -> Result<(), CarrierError>;
}

/// How many hints wait for a slow listener; it reads older events from the publisher.
const WAITING: usize = 256;

/// Carries hints within a process.
#[derive(Debug, Default)]
pub struct LocalCarrier {
    sources: Mutex<HashMap<String, Sender<Arc<CloudEvent>>>>,
}

impl LocalCarrier {
    /// A carrier without listeners.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Carrier for LocalCarrier {
    async fn publish(&self, source: &str, events: &[Arc<CloudEvent>]) -> Result<(), CarrierError> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sources.get(source) {
            for event in events {
                // An error means that nobody listens any more.
                let _ = sender.send(Arc::clone(event));
            }
        }
        Ok(())
    }

    async fn subscribe(&self, source: &str) -> Result<Hints, CarrierError> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = sources.entry(source.to_owned()).or_insert_with(|| channel(WAITING).0);
        Ok(unfold(sender.subscribe(), next).boxed())
    }

    async fn ping(&self) -> Result<(), CarrierError> {
        Ok(())
    }
}

/// A listener that was too slow goes on with the oldest hint that is left: for it that is a gap like any other.
async fn next(mut receiver: Receiver<Arc<CloudEvent>>) -> Option<(Arc<CloudEvent>, Receiver<Arc<CloudEvent>>)> {
    loop {
        match receiver.recv().await {
            Ok(event) => return Some((event, receiver)),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}
