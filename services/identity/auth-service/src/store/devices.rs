//! What people signed in from before.

use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Context, Timestamp, UserId, params};

use crate::attempt::Subject;
use crate::device::{Device, DeviceId, Familiarity, MOST};
use crate::token::TokenHash;

/// The device that shows this cookie, if it signed in to the account since that moment. Across tenants: somebody who signs in
/// names no organisation.
pub(crate) async fn known_device(
    context: &Context,
    account: &Subject,
    token: &TokenHash,
    since: Timestamp,
) -> Result<Option<DeviceId>, StoreError> {
    let found: Option<Scalar<DeviceId>> = context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT id FROM known_devices WHERE token_hash = $1 AND account = $2 AND last_seen_at > $3",
            params![token.0.as_str(), account.0.as_str(), since],
        )
        .await?;
    Ok(found.map(|Scalar(id)| id))
}

/// Marks a device as seen now and there; false when the person has no such one.
pub(crate) async fn touch_device(
    tx: &mut Tx,
    user: UserId,
    token: &TokenHash,
    network: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let touched = tx
        .execute(
            "UPDATE known_devices SET last_seen_at = $3, network = $4
             WHERE tenant_id = :tenant AND user_id = $1 AND token_hash = $2",
            params![user, token.0.as_str(), now, network],
        )
        .await?;
    Ok(touched == 1)
}

struct Counts {
    all: i64,
    same: i64,
}

impl FromRow for Counts {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { all: row.get("devices")?, same: row.get("same")? })
    }
}

/// How well a person's account knows a kind of device in a network.
pub(crate) async fn familiarity(
    tx: &mut Tx,
    user: UserId,
    name: &str,
    network: &str,
) -> Result<Familiarity, StoreError> {
    let counts: Counts = tx
        .query_one(
            "SELECT COUNT(*) AS devices, COUNT(CASE WHEN name = $2 AND network = $3 THEN 1 END) AS same
             FROM known_devices WHERE tenant_id = :tenant AND user_id = $1",
            params![user, name, network],
        )
        .await?;
    Ok(match counts {
        Counts { all: 0, .. } => Familiarity::First,
        Counts { same: 0, .. } => Familiarity::New,
        Counts { .. } => Familiarity::Same,
    })
}

/// Adds a device, in place of one that keeps no cookie either and is called the same there; of more than are kept, the one that
/// was not seen for longest goes.
pub(crate) async fn add_device(tx: &mut Tx, device: &Device) -> Result<(), StoreError> {
    if device.token.is_none() {
        tx.execute(
            "DELETE FROM known_devices
             WHERE tenant_id = :tenant AND user_id = $1 AND token_hash IS NULL AND name = $2 AND network = $3",
            params![device.user, device.name.as_str(), device.network.as_str()],
        )
        .await?;
    }
    tx.execute(
        "INSERT INTO known_devices
             (id, tenant_id, user_id, account, token_hash, name, network, first_seen_at, last_seen_at)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $7)",
        params![
            device.id,
            device.user,
            device.account.0.as_str(),
            device.token.as_ref().map(|token| token.0.as_str()),
            device.name.as_str(),
            device.network.as_str(),
            device.seen_at,
        ],
    )
    .await?;
    tx.execute(
        "DELETE FROM known_devices WHERE tenant_id = :tenant AND user_id = $1 AND id NOT IN (
             SELECT id FROM known_devices WHERE tenant_id = :tenant AND user_id = $1
             ORDER BY last_seen_at DESC, id DESC LIMIT $2)",
        params![device.user, MOST],
    )
    .await
    .map(drop)
}

/// Forgets the devices that were last seen before that moment.
pub(crate) async fn forget_devices_before(context: &Context, moment: Timestamp) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("DELETE FROM known_devices WHERE last_seen_at <= $1", params![moment]).await?;
    tx.commit().await
}

/// Forgets somebody's devices.
pub(crate) async fn forget_devices(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM known_devices WHERE tenant_id = :tenant AND user_id = $1", params![user]).await.map(drop)
}
