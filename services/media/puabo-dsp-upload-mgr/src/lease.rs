//! One writer an upload among all instances of the service: a row says which instance writes, and for how long nobody else may.
//!
//! A lease is politeness and not safety: it lets the one before put away what it has. Whoever writes without one harms
//! nothing, as no two instances write to one blob and an offset moves on only from where it is.

use std::time::Duration;

use nexus_kernel::{Context, TenantId};
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::Error;
use crate::lock::{GRACE, Lock, PATIENCE};
use crate::receive::Receivers;
use crate::store;

/// How long an instance may be silent before another takes its upload over; shorter than a newcomer waits.
pub(crate) const LEASE: Duration = Duration::from_secs(5);
/// How often a lease is renewed.
pub(crate) const RENEWAL: Duration = Duration::from_secs(1);
/// How often a newcomer looks.
const LOOK: Duration = Duration::from_millis(200);

/// Waits for the upload, and takes it over from a request that does not end by itself, wherever that runs.
pub(crate) async fn acquire(ctx: &Context, tenant: TenantId, id: Uuid) -> Result<Lock, Error> {
    let receivers = ctx.state::<Receivers>();
    let lock = receivers.locks.acquire(id).await?;
    let begun = Instant::now();
    let mut asked = false;
    while !claim(ctx, tenant, id, &receivers.owner).await? {
        if begun.elapsed() >= PATIENCE + GRACE {
            return Err(Error::Locked);
        }
        if !asked && begun.elapsed() >= PATIENCE {
            let mut tx = ctx.store.begin(tenant).await?;
            store::want(&mut tx, id).await?;
            tx.commit().await?;
            asked = true;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(lock)
}

/// Takes an upload that no other instance has.
pub(crate) async fn claim(ctx: &Context, tenant: TenantId, id: Uuid, owner: &str) -> Result<bool, Error> {
    let now = ctx.clock.now();
    let mut tx = ctx.store.begin(tenant).await?;
    let claimed = match store::claim(&mut tx, id, owner, now, now.plus(LEASE)).await? {
        // What is gone is nobody's, and the next query says so.
        0 => store::by_id(&mut tx, id).await?.is_none(),
        _ => true,
    };
    tx.commit().await?;
    Ok(claimed)
}

/// What a holder hears when it renews its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Go on.
    Kept,
    /// Somebody else wants to go on with the upload.
    Wanted,
    /// Somebody else has it.
    Lost,
}

/// Keeps an upload for longer.
pub(crate) async fn renew(ctx: &Context, tenant: TenantId, id: Uuid, owner: &str) -> Result<Beat, Error> {
    let mut tx = ctx.store.begin(tenant).await?;
    let until = ctx.clock.now().plus(LEASE);
    let beat = match store::renew(&mut tx, id, owner, until).await? {
        None => Beat::Lost,
        Some(true) => Beat::Wanted,
        Some(false) => Beat::Kept,
    };
    tx.commit().await?;
    Ok(beat)
}

/// Gives an upload back before its lease is over.
pub(crate) async fn release(ctx: &Context, tenant: TenantId, id: Uuid, owner: &str) -> Result<(), Error> {
    let mut tx = ctx.store.begin(tenant).await?;
    store::release(&mut tx, id, owner).await?;
    tx.commit().await?;
    Ok(())
}

/// Does work under a lease that is there already, and gives it back; `None` when it is lost meanwhile.
pub(crate) async fn during<T>(
    ctx: &Context,
    tenant: TenantId,
    id: Uuid,
    owner: &str,
    work: impl Future<Output = T>,
) -> Option<T> {
    let keep = async {
        loop {
            tokio::time::sleep(RENEWAL).await;
            match renew(ctx, tenant, id, owner).await {
                Ok(Beat::Lost) => return,
                Ok(Beat::Kept | Beat::Wanted) => {}
                Err(error) => tracing::warn!(%error, upload = %id, "a lease could not be renewed"),
            }
        }
    };
    let result = tokio::select! {
        result = work => Some(result),
        () = keep => None,
    };
    if let Err(error) = release(ctx, tenant, id, owner).await {
        tracing::warn!(%error, upload = %id, "a lease could not be given back; it ends by itself");
    }
    result
}
