//! Who may write: one unit of work at a time, in the order in which they came.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::batch::{Batch, Limits};
use crate::store::StoreError;

/// How many wait at most: more than that can't all have their turn in time.
const MOST_WAITING: usize = 16_384;

/// Hands the batch from one unit of work to the next. When nobody waits for it, or it is full, the committer's thread takes
/// it: that is where the disk is waited for, and not on a thread that serves requests.
pub(super) struct Writer {
    queue: Mutex<Queue>,
    committer: SyncSender<Order>,
    wait: Duration,
    here: bool,
}

#[derive(Default)]
struct Queue {
    /// The batch, when nobody has it.
    idle: Option<Box<Batch>>,
    waiting: VecDeque<oneshot::Sender<Turn>>,
    closed: bool,
}

enum Order {
    Commit(Turn),
    /// Commits, closes the file and tells when that is done.
    Close(Turn, oneshot::Sender<()>),
}

/// The right to write. Dropped, it goes to the next: there is one batch a file, and it always belongs to somebody.
pub(super) struct Turn {
    batch: Option<Box<Batch>>,
    writer: Arc<Writer>,
}

impl Writer {
    pub(super) fn start(batch: Batch, service: &str) -> Result<Arc<Self>, StoreError> {
        // There is one turn, so a send never waits.
        let (committer, orders) = sync_channel(1);
        std::thread::Builder::new()
            .name(format!("commit {service}"))
            .spawn(move || commit(&orders))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let Limits { wait, here, .. } = batch.limits();
        let queue = Queue { idle: Some(Box::new(batch)), ..Queue::default() };
        Ok(Arc::new(Self { queue: Mutex::new(queue), committer, wait, here }))
    }

    /// Waits for a turn.
    pub(super) async fn turn(self: &Arc<Self>) -> Result<Turn, StoreError> {
        let mine = match self.enqueue()? {
            Ok(turn) => return Ok(turn),
            Err(mine) => mine,
        };
        match tokio::time::timeout(self.wait, mine).await {
            Ok(turn) => turn.map_err(|_| StoreError::Closed),
            Err(_) => Err(StoreError::Busy("other units of work kept its writer for too long")),
        }
    }

    /// The turn at once, or a place in the queue.
    fn enqueue(self: &Arc<Self>) -> Result<Result<Turn, oneshot::Receiver<Turn>>, StoreError> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(StoreError::Closed);
        }
        if let Some(batch) = queue.idle.take() {
            return Ok(Ok(Turn { batch: Some(batch), writer: Arc::clone(self) }));
        }
        // Those that gave up are the ones that waited longest.
        while queue.waiting.front().is_some_and(oneshot::Sender::is_closed) {
            queue.waiting.pop_front();
        }
        if queue.waiting.len() >= MOST_WAITING {
            return Err(StoreError::Busy("too many units of work wait for its writer"));
        }
        let (place, mine) = oneshot::channel();
        queue.waiting.push_back(place);
        Ok(Err(mine))
    }

    /// Whether nobody waits for a turn.
    pub(super) fn is_calm(&self) -> bool {
        self.queue().waiting.is_empty()
    }

    /// Commits what is done after everybody who waits now had a turn, and closes the file.
    pub(super) async fn close(self: &Arc<Self>) {
        let turn = match self.enqueue() {
            Err(_) => return,
            Ok(Ok(turn)) => turn,
            Ok(Err(mine)) => match mine.await {
                Ok(turn) => turn,
                Err(_) => return,
            },
        };
        let (done, closed) = oneshot::channel();
        self.order(Order::Close(turn, done));
        // An error means that the thread is gone, and the file with it.
        let _ = closed.await;
    }

    fn pass_on(self: &Arc<Self>, mut batch: Box<Batch>) {
        loop {
            let next = if batch.is_full() { None } else { self.queue().waiting.pop_front() };
            let turn = |batch| Turn { batch: Some(batch), writer: Arc::clone(self) };
            if let Some(next) = next {
                match next.send(turn(batch)).map_err(|mut refused| refused.batch.take()) {
                    Err(Some(back)) => batch = back,
                    _ => return,
                }
            } else if batch.has_done() {
                return self.order(Order::Commit(turn(batch)));
            } else {
                batch.rest();
                let mut queue = self.queue();
                if queue.waiting.is_empty() {
                    queue.idle = Some(batch);
                    return;
                }
            }
        }
    }

    fn order(&self, order: Order) {
        if self.here {
            return order.carry_out();
        }
        if let Err(refused) = self.committer.send(order) {
            // The thread is gone, which only a panic in it can bring about; durability does not depend on where we wait.
            refused.0.carry_out();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The committer's thread; it ends with the last that could give it an order.
fn commit(orders: &Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        order.carry_out();
    }
}

impl Order {
    fn carry_out(self) {
        match self {
            Self::Commit(mut turn) => turn.batch().commit(),
            Self::Close(mut turn, done) => {
                turn.batch().commit();
                let mut queue = turn.writer.queue();
                queue.closed = true;
                // Whoever waits learns it by the end of its channel.
                queue.waiting.clear();
                drop(queue);
                drop(turn.batch.take());
                let _ = done.send(());
            }
        }
    }
}

impl Turn {
    pub(super) fn batch(&mut self) -> &mut Batch {
        self.batch.as_mut().expect("a turn has its batch until it is dropped")
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.writer
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.writer.pass_on(batch);
        }
    }
}
