//! How the service reacts to what token-mgr announces. What it announces itself is in `sessions`.

use nexus_contracts::session_mgr::{RevocationReason, SessionId};
use nexus_contracts::token_mgr::{FamilyEnd, RefreshTokenReused, TokenFamilyEnded, TokensRefreshed};
use nexus_kernel::events::Delivery;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Problem};

use crate::family_revocation;
use crate::sessions;
use crate::store;

/// A session's tokens were refreshed, so it is in use.
pub(crate) async fn on_tokens_refreshed(tx: &mut Tx, event: Delivery<TokensRefreshed>) -> Result<(), Problem> {
    store::touch(tx, event.data.session_id, event.data.refreshed_at).await?;
    Ok(())
}

/// Somebody has a copy of a refresh token, so the session ends for both.
pub(crate) async fn on_refresh_token_reused(
    context: &Context,
    tx: &mut Tx,
    event: Delivery<RefreshTokenReused>,
) -> Result<(), Problem> {
    end(context, tx, event.data.session_id, RevocationReason::RefreshTokenReused).await
}

/// A session whose tokens have ended is of no use to anybody.
pub(crate) async fn on_family_ended(
    context: &Context,
    tx: &mut Tx,
    event: Delivery<TokenFamilyEnded>,
) -> Result<(), Problem> {
    let reason = match event.data.reason {
        FamilyEnd::Idle => RevocationReason::Idle,
        FamilyEnd::Reused => RevocationReason::RefreshTokenReused,
        FamilyEnd::Returned | FamilyEnd::Revoked => RevocationReason::TokensRevoked,
    };
    end(context, tx, event.data.session_id, reason).await
}

async fn end(context: &Context, tx: &mut Tx, id: SessionId, reason: RevocationReason) -> Result<(), Problem> {
    let now = context.clock.now();
    if let Some(session) = store::live_session(tx, id, now).await? {
        sessions::end(tx, &session, reason, now).await?;
        context.wake(family_revocation::JOB);
    }
    Ok(())
}
