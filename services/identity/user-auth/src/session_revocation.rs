//! The order to end a person's sessions: written with the change that asks for it, carried out before the change is answered
//! where that can be, and else by a job that tries until session-mgr has obeyed.

use std::time::Duration;

use nexus_contracts::session_mgr::{RevocationReason, RevokeUserSessions, SessionMgr};
use nexus_kernel::{Context, Problem, TenantId, UserId, backoff};

use crate::store;
use crate::user::User;

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

/// Carries out orders that were just committed, so that whoever signs in after the answer signs in after the end of the
/// sessions. What can't be done now, the job does.
pub(crate) async fn carry_out_at_once(context: &Context, orders: &[SessionRevocation]) {
    let all = async {
        for order in orders {
            attempt(context, order).await?;
        }
        Ok::<(), Problem>(())
    };
    match tokio::time::timeout(AT_ONCE / 2, all).await {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => tracing::warn!(people = orders.len(), %problem, "sessions will end later"),
        Err(_) => tracing::warn!(people = orders.len(), "session-mgr is slow: sessions will end later"),
    }
}

/// The order is there, so its change has been committed: whoever looked at the account after this moment saw the new one.
async fn attempt(context: &Context, order: &SessionRevocation) -> Result<(), Problem> {
    let now = context.clock.now();
    let account = store::user(&mut context.store.read(order.tenant), order.user).await?.filter(User::is_active);
    // An order takes the place of an earlier one, and must not hide that the account may not be used any more.
    let reason = if account.is_some() { order.reason } else { RevocationReason::AccountDeactivated };
    let roles = account.map_or_else(Vec::new, |user| user.effective_roles());
    let request = RevokeUserSessions { tenant: order.tenant, authenticated_before: now, reason, roles };
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
