//! Carries hints over NATS.
//!
//! Publishing is NATS's plain, unacknowledged kind, on a subject that a JetStream stream covers: the stream keeps the youngest
//! events for whoever wants to look, and the relay waits for nobody's storage. Listeners use plain subscriptions. The client
//! sets them up again by itself after every reconnect, and they need nothing that a server could lose; a consumer on the
//! stream would have to be made again whenever the stream is gone, to bring nothing that the publisher's log does not have.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::{Client, ConnectOptions, jetstream};
use async_trait::async_trait;
use futures::StreamExt;
use futures::future::ready;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{Carrier, CarrierError, CloudEvent, Hints};

const STREAM: &str = "nexus-events";
const SUBJECTS: &str = "nexus.events";
/// The stream's limits; what is older is in the publishers' logs.
const STREAM_BYTES: i64 = 256 << 20;
const STREAM_AGE: Duration = Duration::from_hours(24);
/// How long anything may wait for the server.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is made sure that the stream is there.
const CHECK: Duration = Duration::from_secs(10);
/// How many hints wait for a slow listener; the client drops what is beyond, which is a gap like any other.
const WAITING: usize = 1_024;

/// Carries hints between processes.
#[derive(Debug)]
pub struct NatsCarrier {
    client: Client,
    jetstream: jetstream::Context,
    /// When the stream was last looked for.
    checked: Mutex<Option<Instant>>,
}

impl NatsCarrier {
    /// Connects in the background, and again whenever the connection is lost. A server that is down is no error here:
    /// [`Carrier::ping`] says so.
    pub async fn connect(url: &str) -> Result<Self, CarrierError> {
        let client = ConnectOptions::new()
            .name("nexus")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(|attempts| Duration::from_millis(50 << attempts.min(5)))
            .connection_timeout(PATIENCE)
            .subscription_capacity(WAITING)
            .connect(url)
            .await
            .map_err(|error| CarrierError::Address(error.to_string()))?;
        let jetstream = jetstream::context::ContextBuilder::new().timeout(PATIENCE).build(client.clone());
        let carrier = Self { client, jetstream, checked: Mutex::new(None) };
        // Gives a server that is there the time to say so, so that the first readiness check is right.
        let _ = carrier.make_stream().await;
        Ok(carrier)
    }

    /// Makes the stream unless it is there.
    async fn make_stream(&self) -> Result<(), CarrierError> {
        let config = Config {
            name: STREAM.to_owned(),
            description: Some("The youngest events; the services' databases have all of them".to_owned()),
            subjects: vec![format!("{SUBJECTS}.>")],
            max_bytes: STREAM_BYTES,
            max_age: STREAM_AGE,
            discard: DiscardPolicy::Old,
            ..Config::default()
        };
        // Two requests, each of which waits for an answer for at most our patience, and for room in the client's queue.
        match timeout(3 * PATIENCE, self.jetstream.get_or_create_stream(config)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => self.connected().and(Err(CarrierError::Refused(error.to_string()))),
            Err(_) => Err(CarrierError::Down),
        }
    }

    /// Looks for the stream now and then, as a server may have lost it. Without it listeners still get their hints.
    async fn check_stream(&self) {
        let Ok(mut checked) = self.checked.try_lock() else { return };
        if checked.is_some_and(|at| at.elapsed() < CHECK) {
            return;
        }
        if let Err(error) = self.make_stream().await {
            tracing::warn!(%error, "the stream of events could not be made; listeners are told without it");
        }
        *checked = Some(Instant::now());
    }

    fn connected(&self) -> Result<(), CarrierError> {
        if self.client.connection_state() == State::Connected { Ok(()) } else { Err(CarrierError::Down) }
    }

    async fn send(&self, source: &str, events: &[Arc<CloudEvent>]) -> Result<(), CarrierError> {
        let subject = subject(source);
        for event in events {
            let payload = serde_json::to_vec(event).map_err(|error| CarrierError::Refused(error.to_string()))?;
            // The server takes no message this large; the gap sends listeners to the publisher's log.
            if payload.len() > self.client.max_payload() {
                continue;
            }
            let sent = self.client.publish(subject.clone(), payload.into()).await;
            sent.map_err(|error| CarrierError::Refused(error.to_string()))?;
        }
        Ok(())
    }
}

fn subject(source: &str) -> String {
    format!("{SUBJECTS}.{source}")
}

#[async_trait]
impl Carrier for NatsCarrier {
    async fn publish(&self, source: &str, events: &[Arc<CloudEvent>]) -> Result<(), CarrierError> {
        // Without a connection the client would keep messages until its queue is full, and then wait.
        self.connected()?;
        self.check_stream().await;
        timeout(PATIENCE, self.send(source, events)).await.unwrap_or(Err(CarrierError::Down))
    }

    async fn subscribe(&self, source: &str) -> Result<Hints, CarrierError> {
        let subscribed = timeout(PATIENCE, self.client.subscribe(subject(source))).await;
        let messages =
            subscribed.map_err(|_| CarrierError::Down)?.map_err(|error| CarrierError::Refused(error.to_string()))?;
        // What can't be read is not ours, or another version's: the log has it if it counts.
        let events = messages
            .filter_map(|message| ready(serde_json::from_slice::<CloudEvent>(&message.payload).ok().map(Arc::new)));
        Ok(events.boxed())
    }

    /// Asks the connection and nothing else: this is called often, and hints need no stream.
    async fn ping(&self) -> Result<(), CarrierError> {
        self.connected()
    }
}
