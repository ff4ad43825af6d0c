//! The order to end a person's sessions: written with the change that asks for it, carried out before the change is answered
//! where that can be, and else by a job that tries until session-mgr has obeyed.

use std::time::Duration;

use nexus_contracts::session_mgr::{RevocationReason, RevokeUserSessions, SessionMgr};
use nexus_kernel::{Context, Problem, TenantId, UserId, backoff};

use crate::store;

/// The job's name.
pub(crate) const JOB: &str = "end-sessions";
/// The most orders that are read at once.
const BATCH: i64 = 100;
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// How long the change itself has to see its order carried out before the job takes it up.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(5);

/// An order to end a person's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRevocation {
    pub(crate) id: String,
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) reason: RevocationReason,
    pub(crate) attempts: i64,
}

/// Carries out every order that is due.
pub(crate) async fn carry_out(context: Context) -> Result<(), Problem> {
    loop {
        let due = store::due_session_revocations(&context, BATCH).await?;
        if due.is_empty() {
            return Ok(());
        }
        for order in &due {
            attempt(&context, order).await?;
        }
    }
}

/// Carries out an order that was just committed, so that whoever signs in after the answer signs in after the end of the
/// sessions. When it can't be done now, the job does it.
pub(crate) async fn carry_out_at_once(context: &Context, order: &SessionRevocation) {
    match tokio::time::timeout(AT_ONCE / 2, attempt(context, order)).await {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => tracing::warn!(user = %order.user, %problem, "a person's sessions will end later"),
        Err(_) => tracing::warn!(user = %order.user, "session-mgr is slow: a person's sessions will end later"),
    }
}

/// The order is there, so its change has been committed: whoever looked at the account after this moment saw the new one.
async fn attempt(context: &Context, order: &SessionRevocation) -> Result<(), Problem> {
    let now = context.clock.now();
    let request = RevokeUserSessions { tenant: order.tenant, authenticated_before: now, reason: order.reason };
    match SessionMgr::new(&context.mesh).revoke_user(order.user, &request).await {
        Ok(()) => store::sessions_revoked(context, order).await?,
        Err(error) => {
            tracing::warn!(user = %order.user, %error, "session-mgr could not end a person's sessions yet");
            let next = now.plus(backoff(order.attempts, LONGEST_WAIT));
            store::postpone_session_revocation(context, order, next).await?;
        }
    }
    Ok(())
}
