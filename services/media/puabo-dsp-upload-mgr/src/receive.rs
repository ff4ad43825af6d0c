//! Takes in a part: streamed to the blob store in constant memory, its offset stored every few megabytes and at its end.
//!
//! The work runs in a task of its own: when the client's connection breaks, the request's future is dropped, and what has
//! arrived until then must not be.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt;
use nexus_kernel::Context;
use nexus_kernel::scope::RequestScope;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::check;
use crate::checksum::Checksum;
use crate::error::Error;
use crate::lease::{self, Beat, RENEWAL};
use crate::lock::{Lock, Locks};
use crate::part::{self, Part};
use crate::store;
use crate::upload::{StoredUpload, UploadState};

/// After how many bytes the offset is stored while a part still runs.
const STEP: u64 = part::CHUNK;
/// How long a sender may be silent before its connection counts as broken.
const SILENCE: Duration = Duration::from_mins(1);

/// The parts that are being received in this process.
#[derive(Debug)]
pub(crate) struct Receivers {
    /// Names this process in leases and blobs.
    pub(crate) owner: String,
    /// Names its checks in leases: they and a request never have an upload together.
    pub(crate) checker: String,
    pub(crate) locks: Locks,
    tasks: TaskTracker,
}

impl Receivers {
    pub(crate) fn new(ctx: &Context) -> Self {
        let owner = ctx.ids.next().to_string();
        Self { checker: format!("{owner}-check"), owner, locks: Locks::default(), tasks: TaskTracker::new() }
    }
}

/// A part on its way in.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) body: Body,
    pub(crate) checksum: Option<Checksum>,
}

/// Appends a part to an upload. Returns the upload as it is then; after an error HEAD tells how far it is.
pub(crate) async fn receive(
    ctx: &Context,
    lock: Lock,
    stored: StoredUpload,
    incoming: Incoming,
) -> Result<StoredUpload, Error> {
    let receivers = ctx.state::<Receivers>();
    let scope = RequestScope::current().unwrap_or_else(RequestScope::root);
    let ctx = ctx.clone();
    let work = async move {
        let (tenant, id) = (stored.tenant, stored.upload.id);
        let outcome = match Receiver::open(&ctx, lock.stop.clone(), stored).await {
            Ok(receiver) => receiver.run(incoming).await,
            Err(error) => Err(error),
        };
        lease::release(&ctx, tenant, id, &ctx.state::<Receivers>().owner).await?;
        drop(lock);
        if outcome.as_ref().is_ok_and(|stored| stored.upload.state == UploadState::Checking) {
            ctx.wake(check::JOB);
        }
        outcome
    };
    receivers.tasks.spawn(scope.run(work).in_current_span()).await?
}

/// What comes next on a connection.
enum Next {
    Bytes(Bytes),
    End,
    /// Nothing more will come, and this is why.
    Broken(Error),
}

struct Receiver<'a> {
    ctx: &'a Context,
    stop: CancellationToken,
    part: Part,
    stored: StoredUpload,
    /// How many bytes have come; those behind the stored offset are not durable.
    reached: u64,
    beats: Interval,
}

impl<'a> Receiver<'a> {
    async fn open(ctx: &'a Context, stop: CancellationToken, stored: StoredUpload) -> Result<Self, Error> {
        let reached = stored.upload.offset;
        let chunks = store::chunks(&mut ctx.store.read(stored.tenant), stored.upload.id).await?;
        let part = Part::open(ctx, stored.upload.id, &ctx.state::<Receivers>().owner, &chunks).await?;
        let mut beats = interval_at(Instant::now() + RENEWAL, RENEWAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { ctx, stop, part, stored, reached, beats })
    }

    async fn run(mut self, incoming: Incoming) -> Result<StoredUpload, Error> {
        let (mut body, mut checksum) = (incoming.body.into_data_stream(), incoming.checksum);
        loop {
            match self.next(&mut body).await {
                Next::Bytes(bytes) => self.append(bytes, checksum.as_mut()).await?,
                Next::End => break,
                // What can't be checked any more is not kept: the next part's opening cuts it off.
                Next::Broken(error) if checksum.is_some() => return Err(error),
                Next::Broken(error) => {
                    self.store_offset().await?;
                    return Err(error);
                }
            }
        }
        checksum.map_or(Ok(()), Checksum::check)?;
        self.store_offset().await?;
        Ok(self.stored)
    }

    async fn next(&mut self, body: &mut BodyDataStream) -> Next {
        let silence = tokio::time::sleep(SILENCE);
        tokio::pin!(silence);
        loop {
            tokio::select! {
                next = body.next() => return match next {
                    Some(Ok(bytes)) => Next::Bytes(bytes),
                    None => Next::End,
                    Some(Err(_)) => Next::Broken(Error::CutOff),
                },
                () = &mut silence => return Next::Broken(Error::CutOff),
                () = self.stop.cancelled() => return Next::Broken(Error::Locked),
                () = self.ctx.shutdown.cancelled() => return Next::Broken(Error::Stopping),
                _ = self.beats.tick() => if self.is_unwanted().await { return Next::Broken(Error::Locked) },
            }
        }
    }

    /// Whether another instance has the upload or wants it. When the store does not answer, storing the offset will tell.
    async fn is_unwanted(&self) -> bool {
        match lease::renew(self.ctx, self.stored.tenant, self.stored.upload.id, &self.ctx.state::<Receivers>().owner)
            .await
        {
            Ok(beat) => beat != Beat::Kept,
            Err(error) => {
                tracing::warn!(%error, upload = %self.stored.upload.id, "a lease could not be renewed");
                false
            }
        }
    }

    async fn append(&mut self, bytes: Bytes, checksum: Option<&mut Checksum>) -> Result<(), Error> {
        let reached = self.reached + bytes.len() as u64;
        if reached > self.stored.upload.size {
            return Err(Error::Overrun(self.stored.upload.size));
        }
        self.part.append(bytes.clone()).await?;
        self.reached = reached;
        match checksum {
            Some(checksum) => checksum.update(&bytes),
            None if reached - self.stored.upload.offset >= STEP => self.store_offset().await?,
            None => {}
        }
        Ok(())
    }

    /// Makes everything that has arrived durable, then says so.
    async fn store_offset(&mut self) -> Result<(), Error> {
        if self.reached == self.stored.upload.offset {
            return Ok(());
        }
        let chunks = self.part.sync().await?;
        let now = self.ctx.clock.now();
        let mut tx = self.ctx.store.begin(self.stored.tenant).await?;
        let advanced =
            store::advance(&mut tx, &self.stored.upload, self.reached, &chunks, now.plus(lifetime(self.ctx))).await?;
        let Some(advanced) = advanced else {
            // Another instance of the service writes to it, or somebody deleted it meanwhile.
            let known = store::by_id(&mut tx, self.stored.upload.id).await?.is_some();
            return Err(if known { Error::Locked } else { Error::NotFound });
        };
        tx.commit().await?;
        self.stored = advanced;
        Ok(())
    }
}

/// How long an unfinished upload lives after its last part.
pub(crate) fn lifetime(ctx: &Context) -> Duration {
    Duration::from_secs(ctx.config.media.upload_expires_hours.saturating_mul(3_600))
}
