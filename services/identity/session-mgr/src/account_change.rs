//! The news that an account has changed: written with the end of its sessions, and told to token-mgr by a job that tries until
//! token-mgr has heard it.

use std::time::Duration;

use nexus_contracts::session_mgr::{RevocationReason, RevokeUserSessions};
use nexus_contracts::token_mgr::{AccountChanged, AccountState, TokenMgr};
use nexus_kernel::auth::Role;
use nexus_kernel::{Context, Problem, TenantId, Timestamp, UserId, backoff};
use uuid::Uuid;

use crate::store;

/// The job's name.
pub(crate) const JOB: &str = "tell-changes";
/// The most that is read at once.
const BATCH: i64 = 100;
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What an account has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountChange {
    pub(crate) id: Uuid,
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) roles: Vec<Role>,
    pub(crate) state: AccountState,
    pub(crate) changed_at: Timestamp,
    pub(crate) attempts: i64,
}

impl AccountChange {
    /// What the end of all of a person's sessions says about the account.
    pub(crate) fn of(id: Uuid, user: UserId, request: &RevokeUserSessions) -> Self {
        let state = match request.reason {
            RevocationReason::AccountDeactivated => AccountState::Deactivated,
            _ => AccountState::Active,
        };
        Self {
            id,
            tenant: request.tenant,
            user,
            roles: request.roles.clone(),
            state,
            changed_at: request.authenticated_before,
            attempts: 0,
        }
    }
}

/// Tells everything that is due.
pub(crate) async fn tell(context: Context) -> Result<(), Problem> {
    loop {
        let due = store::due_account_changes(&context, BATCH).await?;
        if due.is_empty() {
            return Ok(());
        }
        for change in &due {
            attempt(&context, change).await?;
        }
    }
}

async fn attempt(context: &Context, change: &AccountChange) -> Result<(), Problem> {
    let AccountChange { tenant, changed_at, state, .. } = *change;
    let news = AccountChanged { tenant, changed_at, state, roles: change.roles.clone() };
    match TokenMgr::new(&context.mesh).account_changed(change.user, &news).await {
        Ok(()) => store::account_change_told(context, change).await?,
        Err(error) => {
            tracing::warn!(user = %change.user, %error, "token-mgr could not be told of a changed account yet");
            let next = context.clock.now().plus(backoff(change.attempts, LONGEST_WAIT));
            store::postpone_account_change(context, change, next).await?;
        }
    }
    Ok(())
}
