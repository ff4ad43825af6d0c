//! The supervisor's socket: its processes on one side, operators on the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Input;
use super::fleet::ProcessId;
use super::protocol::{FromChild, Hello, Hints, MAX_LINE, Reply, Request, Role, ToChild, VERSION, line};

/// How long a peer may take to say who it is.
const HELLO: Duration = Duration::from_secs(10);
/// How many hints wait for a slow process; it reads older events from the publisher.
const WAITING: usize = 1_024;
/// How many replies wait for a slow operator.
const REPLIES: usize = 64;

type Lines = FramedRead<OwnedReadHalf, LinesCodec>;

/// A process that listens, and the lines that wait for it.
type Listener = (ProcessId, mpsc::Sender<Arc<str>>);

/// Who listens to whose events.
#[derive(Debug, Default)]
struct Hub(Mutex<HashMap<String, Vec<Listener>>>);

impl Hub {
    fn listen(&self, source: String, process: ProcessId, outbox: mpsc::Sender<Arc<str>>) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listeners = sources.entry(source).or_default();
        listeners.retain(|(other, _)| *other != process);
        listeners.push((process, outbox));
    }

    /// Tells all listeners but the one that it comes from; it has told its own.
    fn tell(&self, from: ProcessId, hints: Hints) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(listeners) = sources.get_mut(&hints.source) else { return };
        listeners.retain(|(_, outbox)| !outbox.is_closed());
        let text: Arc<str> = line(&ToChild::Hints(hints)).into();
        for (_, outbox) in listeners.iter().filter(|(other, _)| *other != from) {
            // Who is too slow finds a gap, and reads the publisher's log.
            let _ = outbox.try_send(Arc::clone(&text));
        }
    }
}

/// What every connection needs.
#[derive(Clone)]
struct Desk {
    inputs: mpsc::Sender<Input>,
    /// The newest table, as a line; empty before the first.
    table: watch::Receiver<Arc<str>>,
    hub: Arc<Hub>,
}

/// Serves the socket until the end.
pub(super) async fn serve(
    listener: UnixListener,
    inputs: mpsc::Sender<Input>,
    table: watch::Receiver<Arc<str>>,
    end: CancellationToken,
) {
    let desk = Desk { inputs, table, hub: Arc::default() };
    let tasks = TaskTracker::new();
    while let Some(accepted) = end.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let (desk, end) = (desk.clone(), end.clone());
                // A peer that goes is no error.
                tasks.spawn(async move { end.run_until_cancelled(converse(stream, desk)).await });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the socket could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn converse(stream: UnixStream, desk: Desk) -> Option<()> {
    let pid = stream.peer_cred().ok().and_then(|credentials| credentials.pid());
    let (read, mut write) = stream.into_split();
    let mut lines = FramedRead::new(read, LinesCodec::new_with_max_length(MAX_LINE));
    let first = tokio::time::timeout(HELLO, lines.next()).await.ok()??.ok()?;
    let hello: Hello = serde_json::from_str(&first).ok()?;
    if hello.version != VERSION {
        let reason = format!("the supervisor speaks version {VERSION} and you speak {}: restart it", hello.version);
        return match hello.role {
            Role::Child => say(&mut write, &ToChild::Refused { reason }).await,
            Role::Operator => say(&mut write, &Reply::Refused(reason)).await,
        };
    }
    match hello.role {
        Role::Child => child(lines, write, desk, pid?).await,
        Role::Operator => operator(lines, write, desk).await,
    }
}

async fn say(write: &mut OwnedWriteHalf, message: &impl Serialize) -> Option<()> {
    write.write_all(line(message).as_bytes()).await.ok()
}

async fn child(mut lines: Lines, mut write: OwnedWriteHalf, mut desk: Desk, pid: i32) -> Option<()> {
    let (reply, known) = oneshot::channel();
    desk.inputs.send(Input::Connected { pid, reply }).await.ok()?;
    let Some(process) = known.await.ok()? else {
        let reason = "this process belongs to a supervisor that is gone".to_owned();
        return say(&mut write, &ToChild::Refused { reason }).await;
    };
    let (outbox, mut outgoing) = mpsc::channel(WAITING);
    desk.table.mark_changed();
    loop {
        tokio::select! {
            received = lines.next() => {
                let message = serde_json::from_str(&received?.ok()?).ok()?;
                desk.take(process, message, &outbox).await?;
            }
            changed = desk.table.changed() => {
                changed.ok()?;
                let table = Arc::clone(&desk.table.borrow_and_update());
                write.write_all(table.as_bytes()).await.ok()?;
            }
            hints = outgoing.recv() => write.write_all(hints?.as_bytes()).await.ok()?,
        }
    }
}

impl Desk {
    /// Takes what a process says.
    async fn take(&self, process: ProcessId, message: FromChild, outbox: &mpsc::Sender<Arc<str>>) -> Option<()> {
        match message {
            FromChild::Hints(hints) => {
                self.hub.tell(process, hints);
                Some(())
            }
            FromChild::Listen { source } => {
                self.hub.listen(source, process, outbox.clone());
                Some(())
            }
            other => self.inputs.send(Input::Said { process, message: other }).await.ok(),
        }
    }
}

async fn operator(mut lines: Lines, mut write: OwnedWriteHalf, desk: Desk) -> Option<()> {
    let first = tokio::time::timeout(HELLO, lines.next()).await.ok()??.ok()?;
    let Ok(request) = serde_json::from_str::<Request>(&first) else {
        return say(&mut write, &Reply::Refused("the supervisor does not know this request".to_owned())).await;
    };
    let (replies, mut outgoing) = mpsc::channel(REPLIES);
    desk.inputs.send(Input::Asked { request, replies }).await.ok()?;
    while let Some(reply) = outgoing.recv().await {
        say(&mut write, &reply).await?;
    }
    Some(())
}
