//! The order to end a session's tokens: written with the session's end, carried out by a job that tries until token-mgr has
//! obeyed.

use std::time::Duration;

use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::token_mgr::{RevokeFamily, TokenMgr};
use nexus_kernel::{Context, Problem, TenantId, Timestamp, UserId, backoff};

use crate::store;

/// The job's name.
pub(crate) const JOB: &str = "end-families";
/// The most orders that are read at once.
const BATCH: i64 = 100;
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// An order to end a session's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FamilyRevocation {
    pub(crate) session: SessionId,
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) expires_at: Timestamp,
    pub(crate) attempts: i64,
}

/// Carries out every order that is due.
pub(crate) async fn carry_out(context: Context) -> Result<(), Problem> {
    loop {
        let due = store::due_family_revocations(&context, BATCH).await?;
        if due.is_empty() {
            return Ok(());
        }
        for order in &due {
            attempt(&context, order).await?;
        }
    }
}

async fn attempt(context: &Context, order: &FamilyRevocation) -> Result<(), Problem> {
    let request = RevokeFamily { tenant: order.tenant, user: order.user, expires_at: order.expires_at };
    match TokenMgr::new(&context.mesh).revoke_family(order.session, &request).await {
        Ok(()) => store::family_revoked(context, order).await?,
        Err(error) => {
            tracing::warn!(session = %order.session, %error, "token-mgr could not end a session's tokens yet");
            let next = context.clock.now().plus(backoff(order.attempts, LONGEST_WAIT));
            store::postpone_family_revocation(context, order, next).await?;
        }
    }
    Ok(())
}
