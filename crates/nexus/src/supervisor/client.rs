//! A process's side of the supervisor's socket: where the others are, who hears of events, and the lifeline. When the
//! supervisor is gone, the process ends as if it had been asked to: nobody would start it again or tell it of changes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use futures::StreamExt;
use nexus_kernel::discovery::{Announce, AnnounceError, Discovery, Instance};
use nexus_kernel::events::{Carrier, CarrierError, CloudEvent, Hints as EventHints, LocalCarrier};
use nexus_kernel::metrics::Metrics;
use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;
use serde_json::value::to_raw_value;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::codec::{FramedRead, LinesCodec};

use super::leftovers;
use super::protocol::{FromChild, Hello, Hints, Load, MAX_LINE, Role, ToChild, VERSION, line};
use super::table::Instances;

/// Names the supervisor's socket.
pub(crate) const VARIABLE: &str = "NEXUS_SUPERVISOR";
/// How many messages wait for the supervisor.
const WAITING: usize = 1_024;
/// How long the supervisor may take to say where the others are.
const ANSWER: Duration = Duration::from_secs(30);
/// How often the load is looked at, and after how many looks it is told.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 10;

type Lines = FramedRead<OwnedReadHalf, LinesCodec>;

/// The supervisor, as a process of its sees it.
#[derive(Debug)]
pub(crate) struct Supervisor(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    instances: Instances,
    /// Those that listen in this process.
    listeners: LocalCarrier,
    outbox: mpsc::Sender<String>,
    metrics: Mutex<Vec<Metrics>>,
    lost: AtomicBool,
    /// Whether this process is on its way out already.
    leaving: AtomicBool,
    /// Shows to a later supervisor that this process lives.
    _lives: File,
}

impl Supervisor {
    /// Connects to the supervisor that started this process, and waits until it says where the others are.
    pub(crate) async fn join() -> anyhow::Result<Self> {
        let Some(socket) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
            bail!("mesh.discovery = \"supervisor\" is for the processes that `nexus up --isolate` starts");
        };
        Self::at(&socket).await
    }

    async fn at(socket: &Path) -> anyhow::Result<Self> {
        let run = socket.parent().context("the socket is in a folder")?;
        let sign = leftovers::sign_in(run).context("saying that this process lives")?;
        let stream = UnixStream::connect(socket).await.context("the supervisor is gone")?;
        let (read, mut write) = stream.into_split();
        let hello = Hello { version: VERSION, role: Role::Child };
        write.write_all(line(&hello).as_bytes()).await.context("the supervisor is gone")?;
        let (outbox, outgoing) = mpsc::channel(WAITING);
        let shared = Arc::new(Shared {
            instances: Instances::default(),
            listeners: LocalCarrier::new(),
            outbox,
            metrics: Mutex::default(),
            lost: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            _lives: sign,
        });
        let lines = FramedRead::new(read, LinesCodec::new_with_max_length(MAX_LINE));
        let (known, mut first) = watch::channel(false);
        // These three end with the connection, and the process with them.
        tokio::spawn(send(write, outgoing));
        tokio::spawn(report(Arc::clone(&shared)));
        tokio::spawn(Arc::clone(&shared).listen(lines, known));
        match tokio::time::timeout(ANSWER, first.wait_for(|known| *known)).await {
            Ok(Ok(_)) => Ok(Self(shared)),
            _ => bail!("the supervisor does not say where the other services are"),
        }
    }

    /// From now on the supervisor hears what these services have to do.
    pub(crate) fn watch(&self, metrics: Vec<Metrics>) {
        *self.0.metrics.lock().unwrap_or_else(PoisonError::into_inner) = metrics;
    }
}

impl Shared {
    /// Takes what the supervisor says, until it is gone.
    async fn listen(self: Arc<Self>, mut lines: Lines, known: watch::Sender<bool>) {
        while let Some(Ok(text)) = lines.next().await {
            match serde_json::from_str(&text) {
                Ok(ToChild::Table(table)) => {
                    self.instances.replace(&table.services);
                    known.send_replace(true);
                    self.say(&FromChild::Knows { version: table.version }).await;
                }
                Ok(ToChild::Hints(hints)) => self.hear(&hints).await,
                Ok(ToChild::Refused { reason }) => {
                    tracing::error!(reason, "the supervisor refuses this process");
                    break;
                }
                // It is of a newer program, and says something that we can do without.
                Err(error) => tracing::debug!(%error, "the supervisor said something unknown"),
            }
        }
        self.lost.store(true, Ordering::Relaxed);
        if !self.leaving.load(Ordering::Relaxed) {
            tracing::warn!("the supervisor is gone: this process ends");
            if let Err(error) = kill(getpid(), Signal::SIGTERM) {
                tracing::error!(%error, "it can't");
            }
        }
    }

    async fn hear(&self, hints: &Hints) {
        if let Ok(events) = serde_json::from_str::<Vec<CloudEvent>>(hints.events.get()) {
            let events: Vec<_> = events.into_iter().map(Arc::new).collect();
            // It takes every hint.
            let _ = self.listeners.publish(&hints.source, &events).await;
        }
    }

    /// False when the supervisor is gone.
    async fn say(&self, message: &FromChild) -> bool {
        self.outbox.send(line(message)).await.is_ok()
    }

    fn in_flight(&self) -> usize {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Metrics::in_flight).sum()
    }

    fn requests_per_second(&self) -> f64 {
        let metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.iter().map(|metrics| metrics.stats().requests_per_second).sum()
    }
}

async fn send(mut write: OwnedWriteHalf, mut outgoing: mpsc::Receiver<String>) {
    while let Some(text) = outgoing.recv().await {
        if write.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Tells the load again and again, from the first moment on: it is also the sign that this process is well.
async fn report(shared: Arc<Shared>) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut seen = 0;
        for _ in 0..LOOKS {
            looks.tick().await;
            seen += shared.in_flight();
        }
        let load = Load {
            in_flight: f64::from(u32::try_from(seen).unwrap_or(u32::MAX)) / f64::from(LOOKS),
            requests_per_second: shared.requests_per_second(),
        };
        if !shared.say(&FromChild::Load(load)).await {
            return;
        }
    }
}

impl Discovery for Supervisor {
    fn instances(&self, service: &str) -> Vec<Instance> {
        self.0.instances.instances(service)
    }
}

#[async_trait]
impl Announce for Supervisor {
    async fn announce(&self, service: &str, url: &str) -> Result<(), AnnounceError> {
        let message = FromChild::Announce { service: service.to_owned(), url: url.to_owned() };
        if self.0.say(&message).await {
            return Ok(());
        }
        Err(AnnounceError { service: service.to_owned(), cause: "the supervisor is gone".to_owned() })
    }

    async fn withdraw(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
        // Without a supervisor nobody is left to be told.
        self.0.say(&FromChild::Withdraw).await;
    }
}

#[async_trait]
impl Carrier for Supervisor {
    async fn publish(&self, source: &str, events: &[Arc<CloudEvent>]) -> Result<(), CarrierError> {
        self.0.listeners.publish(source, events).await?;
        let events: Vec<&CloudEvent> = events.iter().map(Arc::as_ref).collect();
        let events = to_raw_value(&events).map_err(|error| CarrierError::Refused(error.to_string()))?;
        let text = line(&FromChild::Hints(Hints { source: source.to_owned(), events }));
        // What is too long or comes too fast is found in the publisher's log.
        if text.len() < MAX_LINE {
            self.0.outbox.try_send(text).map_err(|_| CarrierError::Down)?;
        }
        Ok(())
    }

    async fn subscribe(&self, source: &str) -> Result<EventHints, CarrierError> {
        let hints = self.0.listeners.subscribe(source).await?;
        if self.0.say(&FromChild::Listen { source: source.to_owned() }).await {
            Ok(hints)
        } else {
            Err(CarrierError::Down)
        }
    }

    async fn ping(&self) -> Result<(), CarrierError> {
        if self.0.lost.load(Ordering::Relaxed) { Err(CarrierError::Down) } else { Ok(()) }
    }
}
