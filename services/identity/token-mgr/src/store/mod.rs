//! Every query of this service.

mod api_tokens;
mod families;
mod keys;

use nexus_kernel::auth::AccessClaims;
use nexus_kernel::store::{Query, Scope, StoreError, Tx};
use nexus_kernel::{Context, Timestamp, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::Error;

pub(crate) use api_tokens::{
    add_api_token, api_token, api_token_by_hash, count_api_tokens, note_use, page_of_api_tokens, personal_tokens,
    remove_api_token, set_roles,
};
pub(crate) use families::{
    add_family, add_token, families_before, family, idle_families, owner, revoke_family, set_authentication, spend,
    spent_at, use_family,
};
pub(crate) use keys::{add_signing_key, forget_signing_keys_before, seal_signing_key, signing_keys};

fn json<T: Serialize>(value: &T, what: &'static str) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::Corrupt(what))
}

fn from_json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::Corrupt(what))
}

/// Puts down that an access token is refused until it has expired; false when it was already.
pub(crate) async fn refuse_access_token(tx: &mut Tx, claims: &AccessClaims) -> Result<bool, StoreError> {
    let refused = tx
        .execute(
            "INSERT INTO revoked_access_tokens (token_id, tenant_id, expires_at) VALUES ($1, :tenant, $2)
             ON CONFLICT (token_id) DO NOTHING",
            params![claims.jti, Timestamp::from_seconds(claims.exp)],
        )
        .await?;
    Ok(refused == 1)
}

/// Whether an access token is refused though it has not expired.
pub(crate) async fn is_revoked(query: &mut impl Query, token: Uuid) -> Result<bool, StoreError> {
    let rows = query
        .rows("SELECT token_id FROM revoked_access_tokens WHERE tenant_id = :tenant AND token_id = $1", params![token])
        .await?;
    Ok(!rows.is_empty())
}

/// Forgets what has expired: families and their tokens, access tokens that need not be refused any more, and what was good for
/// months.
pub(crate) async fn forget_expired(context: &Context, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute(
        "DELETE FROM refresh_tokens WHERE session_id IN (SELECT session_id FROM families WHERE expires_at <= $1)",
        params![now],
    )
    .await?;
    tx.execute("DELETE FROM families WHERE expires_at <= $1", params![now]).await?;
    tx.execute("DELETE FROM revoked_access_tokens WHERE expires_at <= $1", params![now]).await?;
    tx.execute("DELETE FROM api_tokens WHERE expires_at <= $1", params![now]).await?;
    tx.commit().await
}
