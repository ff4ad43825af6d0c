//! Takes in a part: streamed to the disk in constant memory, its offset stored every few megabytes and at its end.
//!
//! The work runs in a task of its own: when the client's connection breaks, the request's future is dropped, and what has
//! arrived until then must not be.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt;
use nexus_kernel::Context;
use nexus_kernel::scope::RequestScope;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::check;
use crate::checksum::Checksum;
use crate::error::Error;
use crate::lock::{Lock, Locks};
use crate::part::Part;
use crate::store;
use crate::upload::StoredUpload;

/// After how many bytes the offset is stored while a part still runs.
const STEP: u64 = 8 << 20;
/// How long a sender may be silent before its connection counts as broken.
const SILENCE: Duration = Duration::from_mins(1);

/// The parts that are being received in this process.
#[derive(Debug, Default)]
pub(crate) struct Receivers {
    pub(crate) locks: Locks,
    tasks: TaskTracker,
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
    let work = async move { Receiver::open(&ctx, lock, stored).await?.run(incoming).await };
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
    lock: Lock,
    part: Part,
    stored: StoredUpload,
    /// How many bytes are in the file; those behind the stored offset are not durable.
    reached: u64,
}

impl<'a> Receiver<'a> {
    async fn open(ctx: &'a Context, lock: Lock, stored: StoredUpload) -> Result<Self, Error> {
        let reached = stored.upload.offset;
        let part = Part::open(ctx, stored.upload.id, reached).await?;
        Ok(Self { ctx, lock, part, stored, reached })
    }

    async fn run(mut self, incoming: Incoming) -> Result<StoredUpload, Error> {
        let (mut body, mut checksum) = (incoming.body.into_data_stream(), incoming.checksum);
        loop {
            match self.next(&mut body).await {
                Next::Bytes(bytes) => self.append(&bytes, checksum.as_mut()).await?,
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

    async fn next(&self, body: &mut BodyDataStream) -> Next {
        tokio::select! {
            next = tokio::time::timeout(SILENCE, body.next()) => match next {
                Ok(Some(Ok(bytes))) => Next::Bytes(bytes),
                Ok(None) => Next::End,
                Ok(Some(Err(_))) | Err(_) => Next::Broken(Error::CutOff),
            },
            () = self.lock.stop.cancelled() => Next::Broken(Error::Locked),
            () = self.ctx.shutdown.cancelled() => Next::Broken(Error::Stopping),
        }
    }

    async fn append(&mut self, bytes: &[u8], checksum: Option<&mut Checksum>) -> Result<(), Error> {
        let reached = self.reached + bytes.len() as u64;
        if reached > self.stored.upload.size {
            return Err(Error::Overrun(self.stored.upload.size));
        }
        self.part.append(bytes).await?;
        self.reached = reached;
        match checksum {
            Some(checksum) => checksum.update(bytes),
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
        self.part.sync().await?;
        let now = self.ctx.clock.now();
        let mut tx = self.ctx.store.begin(self.stored.tenant).await?;
        let advanced = store::advance(&mut tx, &self.stored.upload, self.reached, now.plus(lifetime(self.ctx))).await?;
        // Somebody deleted it meanwhile, or another instance of the service writes to it.
        let advanced = advanced.ok_or(Error::NotFound)?;
        tx.commit().await?;
        self.stored = advanced;
        if self.reached == self.stored.upload.size {
            self.ctx.wake(check::JOB);
        }
        Ok(())
    }
}

/// How long an unfinished upload lives after its last part.
pub(crate) fn lifetime(ctx: &Context) -> Duration {
    Duration::from_secs(ctx.config.media.upload_expires_hours.saturating_mul(3_600))
}
