//! Sessions that ended before their tokens do. An access token is good by itself for minutes; that its session was revoked is
//! heard from session-mgr, by one instance of the gateway that keeps it in the store across restarts, and by each that refuses
//! the session's tokens from then on. A request looks only into memory.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use nexus_contracts::session_mgr::SessionRevoked;
use nexus_kernel::events::Delivery;
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, Principal, Problem, Timestamp};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::store::{self, RevokedSession};

/// The sessions whose tokens are refused, in memory.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    until: RwLock<HashMap<Uuid, Timestamp>>,
    loaded: OnceCell<()>,
}

impl Revocations {
    /// 401 when the person's session has ended. The first question of a process waits until the store has told what it knows.
    pub(crate) async fn check(&self, context: &Context, principal: &Principal) -> Result<(), Problem> {
        if !self.loaded.initialized() {
            Box::pin(self.loaded.get_or_try_init(|| self.load(context))).await?;
        }
        if self.until.read().unwrap_or_else(PoisonError::into_inner).contains_key(&principal.session) {
            return Err(Problem::unauthorized("session-revoked", "this session has ended; sign in again"));
        }
        Ok(())
    }

    async fn load(&self, context: &Context) -> Result<(), StoreError> {
        for session in store::revoked_sessions(context).await? {
            self.add(&session);
        }
        Ok(())
    }

    fn add(&self, session: &RevokedSession) {
        let mut until = self.until.write().unwrap_or_else(PoisonError::into_inner);
        until.insert(session.id.0, session.tokens_valid_until);
    }

    fn forget_expired(&self, now: Timestamp) {
        self.until.write().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
    }
}

impl RevokedSession {
    /// The session, unless its tokens have ended by themselves.
    fn of(context: &Context, event: &Delivery<SessionRevoked>) -> Option<Self> {
        let session = Self { id: event.data.session_id, tokens_valid_until: event.data.tokens_valid_until };
        (session.tokens_valid_until > context.clock.now()).then_some(session)
    }
}

/// From now on this instance refuses the session's tokens. Memory may know it before the store does: it is true either way.
pub(crate) fn observe_session_revoked(context: &Context, event: &Delivery<SessionRevoked>) {
    if let Some(session) = RevokedSession::of(context, event) {
        context.state::<Revocations>().add(&session);
    }
}

/// Keeps it for instances that start later.
pub(crate) async fn on_session_revoked(
    context: &Context,
    tx: &mut Tx,
    event: Delivery<SessionRevoked>,
) -> Result<(), Problem> {
    if let Some(session) = RevokedSession::of(context, &event) {
        store::add_revoked_session(tx, &session).await?;
    }
    Ok(())
}

/// Forgets sessions whose tokens have ended by themselves.
pub(crate) async fn forget_expired(context: Context) -> Result<(), Problem> {
    let now = context.clock.now();
    store::forget_expired(&context, now).await?;
    context.state::<Revocations>().forget_expired(now);
    Ok(())
}
