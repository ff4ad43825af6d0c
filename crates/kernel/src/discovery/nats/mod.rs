//! Finds instances by a key-value bucket of a NATS server. Each process puts its instances there again and again and watches
//! the whole bucket. Who is not heard of is taken to be gone, judged by the watcher's own clock; who stops says so.
//!
//! The bucket lives in the server's memory and may be lost at any moment: the next beat puts everybody back. A process hears
//! its own beats too, and that is how it knows that its watch works; when it does not hear them, it makes bucket and watch
//! anew, and meanwhile goes on with what it knew last.

mod table;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::kv::{self, Operation, Watch};
use async_nats::jetstream::stream::{self, DiscardPolicy, StorageType};
use async_nats::{Client, ConnectOptions, HeaderMap, jetstream};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use rand::RngExt;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::time::Clock;

use super::{Announce, AnnounceError, Discovery, Instance};
use table::{Entry, Table, View};

/// How often a process says that its instances are there.
const BEAT: Duration = Duration::from_millis(400);
/// How often it is looked who was not heard of.
const SWEEP: Duration = Duration::from_millis(100);
/// How long the server keeps what nobody repeats.
const KEPT: Duration = Duration::from_secs(2);
/// How long this process's own beats may take to come back before the watch is made anew.
const ECHO: Duration = Duration::from_millis(1_500);
/// How long anything may wait for the server.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before the watch is made anew.
const PAUSE: Duration = Duration::from_millis(200);
/// What a process repeats that has no instance, to hear itself all the same.
const OBSERVER: &str = "observer";

/// The bucket can't be used now. What was known stays known.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NatsError {
    /// The server's address can't be used.
    #[error("bus.nats: {0}; it must look like nats://host:4222")]
    Address(String),
    /// The server can't be reached.
    #[error("the NATS server can't be reached")]
    Down,
    /// The server refused something.
    #[error("the NATS server: {0}; it must run with JetStream (-js)")]
    Refused(String),
    /// Nothing comes back.
    #[error("what is put into the bucket does not come back")]
    Silent,
}

/// Finds instances by NATS, and announces this process's own.
pub struct NatsDiscovery {
    shared: Arc<Shared>,
    /// They end with this.
    _tasks: JoinSet<()>,
}

struct Shared {
    client: Client,
    jetstream: jetstream::Context,
    bucket: String,
    /// Tells this process's keys from all others.
    id: String,
    clock: Clock,
    /// What this process puts into the bucket. Held while it is put, so that nothing is put after it was taken back.
    own: Mutex<BTreeMap<String, Bytes>>,
    view: watch::Sender<Arc<View>>,
    /// What is wrong with the watch.
    trouble: watch::Sender<Option<NatsError>>,
}

impl NatsDiscovery {
    /// Connects in the background, and again whenever the connection is lost; a server that is down is no error here. Installations
    /// with different names do not see each other. Waits a moment for the first view of who is there.
    pub async fn connect(url: &str, installation: Option<&str>, clock: Clock) -> Result<Self, NatsError> {
        let client = ConnectOptions::new()
            .name("nexus discovery")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(|attempts| Duration::from_millis(50 << attempts.min(3)))
            .connection_timeout(PATIENCE)
            .connect(url)
            .await
            .map_err(|error| NatsError::Address(error.to_string()))?;
        let shared = Arc::new(Shared {
            jetstream: jetstream::context::ContextBuilder::new().timeout(PATIENCE).build(client.clone()),
            client,
            bucket: bucket(installation),
            id: format!("{:016x}", rand::rng().random::<u64>()),
            clock,
            own: Mutex::default(),
            view: watch::Sender::default(),
            trouble: watch::Sender::new(Some(NatsError::Silent)),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shared).beat());
        tasks.spawn(Arc::clone(&shared).watch());
        // A server that is down is waited for no longer.
        let _ = timeout(PATIENCE, shared.view.subscribe().changed()).await;
        Ok(Self { shared, _tasks: tasks })
    }

    /// Whether the bucket can be used now, as the watch knows it: nothing is asked of the server.
    pub fn ping(&self) -> Result<(), NatsError> {
        if !self.shared.is_connected() {
            return Err(NatsError::Down);
        }
        self.shared.trouble.borrow().clone().map_or(Ok(()), Err)
    }

    /// Every service with its instances.
    pub fn services(&self) -> BTreeMap<String, Vec<Instance>> {
        self.shared.view.borrow().iter().map(|(service, instances)| (service.clone(), instances.clone())).collect()
    }
}

fn bucket(installation: Option<&str>) -> String {
    installation.map_or_else(|| "nexus-discovery".to_owned(), |name| format!("nexus-discovery-{name}"))
}

impl fmt::Debug for NatsDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsDiscovery").field("bucket", &self.shared.bucket).finish_non_exhaustive()
    }
}

impl Discovery for NatsDiscovery {
    fn instances(&self, service: &str) -> Vec<Instance> {
        self.shared.view.borrow().get(service).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Announce for NatsDiscovery {
    /// Returns when the others can have heard of it, or soon when the server is down: then they hear as soon as it is back.
    async fn announce(&self, service: &str, url: &str) -> Result<(), AnnounceError> {
        let failed = |cause: String| AnnounceError { service: service.to_owned(), cause };
        let instance = Instance::http(url).map_err(|error| failed(error.to_string()))?;
        let entry = Entry { url: url.to_owned(), started: self.shared.clock.now() };
        let value = serde_json::to_vec(&entry).map_err(|error| failed(error.to_string()))?;
        self.shared.own.lock().await.insert(format!("{service}.{}", self.shared.id), value.into());
        self.shared.put_own().await;
        let mut view = self.shared.view.subscribe();
        let seen = view.wait_for(|view| {
            let known = view.get(service).into_iter().flatten();
            known.into_iter().any(|known| known.id() == instance.id())
        });
        if timeout(PATIENCE, seen).await.is_err() {
            tracing::warn!(service, "NATS does not answer; others will find this instance when it does");
        }
        Ok(())
    }

    async fn withdraw(&self) {
        let mut own = self.shared.own.lock().await;
        let taken = std::mem::take(&mut *own);
        let told = async {
            for key in taken.keys() {
                let mut headers = HeaderMap::new();
                headers.insert("KV-Operation", "DEL");
                self.shared.client.publish_with_headers(self.shared.subject(key), headers, Bytes::new()).await.ok()?;
            }
            self.shared.client.flush().await.ok()
        };
        if !self.shared.is_connected() || timeout(PATIENCE, told).await.is_err() {
            tracing::warn!("NATS could not be told that this process stops; others will notice it");
        }
    }
}

impl Shared {
    fn subject(&self, key: &str) -> String {
        format!("$KV.{}.{key}", self.bucket)
    }

    fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Says again and again what is there.
    async fn beat(self: Arc<Self>) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            self.put_own().await;
        }
    }

    /// Puts this process's instances into the bucket and waits for no answer: the watch shows whether it worked.
    async fn put_own(&self) {
        // Without a connection the client would keep messages until its queue is full, and then wait.
        if !self.is_connected() {
            return;
        }
        let own = self.own.lock().await;
        let put = async {
            if own.is_empty() {
                let key = format!("{OBSERVER}.{}", self.id);
                self.client.publish(self.subject(&key), Bytes::new()).await?;
            }
            for (key, value) in own.iter() {
                self.client.publish(self.subject(key), value.clone()).await?;
            }
            Ok::<_, async_nats::client::PublishError>(())
        };
        match timeout(PATIENCE, put).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the other processes could not be told of this one's instances"),
            Err(_) => tracing::warn!("NATS takes nothing"),
        }
    }

    /// Keeps the view up to date, over every loss of the bucket.
    async fn watch(self: Arc<Self>) {
        let mut table = Table::default();
        let mut told = false;
        loop {
            let result = match self.open().await {
                Ok((updates, keys)) => {
                    if std::mem::take(&mut told) {
                        tracing::info!("discovery by NATS works again");
                    }
                    self.follow(updates, keys, &mut table).await
                }
                Err(error) => error,
            };
            self.trouble.send_replace(Some(result.clone()));
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(error = %result, "discovery by NATS: the instances that were known last are used on");
            }
            sleep(PAUSE).await;
        }
    }

    /// The bucket, made where it is missing: what is put into it from now on after what is there, and how many keys it has.
    async fn open(&self) -> Result<(Watch, u64), NatsError> {
        // A bucket as the client library makes one (NATS ADR-8), which asks the server for more than old ones know.
        let config = stream::Config {
            name: format!("KV_{}", self.bucket),
            description: Some("The instances of each service; who is not repeated is gone".to_owned()),
            subjects: vec![self.subject(">")],
            max_messages_per_subject: 1,
            max_age: KEPT,
            storage: StorageType::Memory,
            num_replicas: 1,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            discard: DiscardPolicy::New,
            ..stream::Config::default()
        };
        let opened = async {
            let refused = |error: &dyn fmt::Display| NatsError::Refused(error.to_string());
            let stream = self.jetstream.get_or_create_stream(config).await.map_err(|error| refused(&error))?;
            let store = self.jetstream.get_key_value(&self.bucket).await.map_err(|error| refused(&error))?;
            let updates = store.watch_all().await.map_err(|error| refused(&error))?;
            Ok((updates, stream.cached_info().state.subjects_count))
        };
        match timeout(2 * PATIENCE, opened).await {
            Ok(Err(_)) | Err(_) if !self.is_connected() => Err(NatsError::Down),
            Ok(result) => result,
            Err(_) => Err(NatsError::Down),
        }
    }

    /// Takes in what happens until the watch breaks.
    async fn follow(&self, mut updates: Watch, keys: u64, table: &mut Table) -> NatsError {
        let mut sweeps = interval(SWEEP);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut echoed = Instant::now();
        let mut first = First::of(keys);
        loop {
            let changed = tokio::select! {
                biased;
                update = updates.next() => match update {
                    Some(Ok(entry)) => {
                        let now = Instant::now();
                        if entry.key.ends_with(&self.id) {
                            echoed = now;
                        }
                        let changed = take_in(table, &entry, now);
                        let completed = first.completed_by(&entry, now);
                        if completed {
                            self.trouble.send_replace(None);
                        }
                        completed || (first.complete && changed)
                    }
                    Some(Err(error)) => return NatsError::Refused(error.to_string()),
                    None => return NatsError::Down,
                },
                _ = sweeps.tick() => {
                    if echoed.elapsed() > ECHO && self.is_connected() {
                        return NatsError::Silent;
                    }
                    table.sweep(Instant::now())
                }
            };
            if changed {
                self.view.send_replace(Arc::new(table.view()));
            }
        }
    }
}

/// Whether all was heard that was there when the watch began: a part of it would look as if the others had gone.
struct First {
    began: Instant,
    /// How many keys there were.
    keys: u64,
    heard: HashSet<String>,
    complete: bool,
}

impl First {
    fn of(keys: u64) -> Self {
        Self { began: Instant::now(), keys, heard: HashSet::new(), complete: false }
    }

    /// Takes in that this was heard; whether it was what was missing. A key that was put again while the server counted is none of
    /// those that it says are to come (`delta`), and comes all the same; one that expired comes no more.
    fn completed_by(&mut self, entry: &kv::Entry, now: Instant) -> bool {
        if self.complete {
            return false;
        }
        self.heard.insert(entry.key.clone());
        let all = u64::try_from(self.heard.len()).is_ok_and(|heard| heard >= self.keys);
        self.complete = entry.delta == 0 && (all || now.duration_since(self.began) > 2 * BEAT);
        if self.complete {
            self.heard.clear();
        }
        self.complete
    }
}

fn take_in(table: &mut Table, entry: &kv::Entry, now: Instant) -> bool {
    table.hear(now);
    match entry.operation {
        Operation::Put => table.put(&entry.key, &entry.value, now),
        Operation::Delete | Operation::Purge => table.remove(&entry.key),
    }
}
