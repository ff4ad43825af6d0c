//! Sessions that ended before their tokens do, and tokens that ended before their session. An access token is good by itself for
//! minutes; that it or its session was revoked is heard from token-mgr and session-mgr, by one instance of the gateway that
//! keeps it in the store across restarts, and by each that refuses it from then on. A request looks only into memory.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use nexus_contracts::session_mgr::SessionRevoked;
use nexus_contracts::token_mgr::AccessTokenRevoked;
use nexus_kernel::events::Delivery;
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, Principal, Problem, Timestamp};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::store::{self, Kind, Refused};

/// The sessions and tokens that are refused, in memory. Their ids can't be mistaken for each other.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    until: RwLock<HashMap<Uuid, Timestamp>>,
    loaded: OnceCell<()>,
}

impl Revocations {
    /// 401 when the person's session or token has ended. The first question of a process waits until the store has told what
    /// it knows.
    pub(crate) async fn check(&self, context: &Context, principal: &Principal) -> Result<(), Problem> {
        if !self.loaded.initialized() {
            Box::pin(self.loaded.get_or_try_init(|| self.load(context))).await?;
        }
        let until = self.until.read().unwrap_or_else(PoisonError::into_inner);
        if until.contains_key(&principal.session) {
            return Err(Problem::unauthorized("session-revoked", "this session has ended; sign in again"));
        }
        if until.contains_key(&principal.token_id) {
            return Err(Problem::unauthorized("token-revoked", "this token was revoked; get another"));
        }
        Ok(())
    }

    async fn load(&self, context: &Context) -> Result<(), StoreError> {
        for kind in [Kind::Session, Kind::Token] {
            for refused in store::refused(context, kind).await? {
                self.add(&refused);
            }
        }
        Ok(())
    }

    fn add(&self, refused: &Refused) {
        self.until.write().unwrap_or_else(PoisonError::into_inner).insert(refused.id, refused.until);
    }

    fn forget_expired(&self, now: Timestamp) {
        self.until.write().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
    }
}

impl Refused {
    fn session(event: &Delivery<SessionRevoked>) -> Self {
        Self { id: event.data.session_id.0, until: event.data.tokens_valid_until }
    }

    fn token(event: &Delivery<AccessTokenRevoked>) -> Self {
        Self { id: event.data.token_id, until: event.data.valid_until }
    }

    /// Whether it has not ended by itself.
    fn matters(&self, context: &Context) -> bool {
        self.until > context.clock.now()
    }
}

/// From now on this instance refuses the session's tokens. Memory may know it before the store does: it is true either way.
pub(crate) fn observe_session_revoked(context: &Context, event: &Delivery<SessionRevoked>) {
    observe(context, &Refused::session(event));
}

/// From now on this instance refuses the token.
pub(crate) fn observe_token_revoked(context: &Context, event: &Delivery<AccessTokenRevoked>) {
    observe(context, &Refused::token(event));
}

fn observe(context: &Context, refused: &Refused) {
    if refused.matters(context) {
        context.state::<Revocations>().add(refused);
    }
}

/// Keeps it for instances that start later.
pub(crate) async fn on_session_revoked(
    context: &Context,
    tx: &mut Tx,
    event: Delivery<SessionRevoked>,
) -> Result<(), Problem> {
    keep(context, tx, Kind::Session, &Refused::session(&event)).await
}

/// Keeps it for instances that start later.
pub(crate) async fn on_token_revoked(
    context: &Context,
    tx: &mut Tx,
    event: Delivery<AccessTokenRevoked>,
) -> Result<(), Problem> {
    keep(context, tx, Kind::Token, &Refused::token(&event)).await
}

async fn keep(context: &Context, tx: &mut Tx, kind: Kind, refused: &Refused) -> Result<(), Problem> {
    if refused.matters(context) {
        store::add_refused(tx, kind, refused).await?;
    }
    Ok(())
}

/// Forgets sessions and tokens that have ended by themselves.
pub(crate) async fn forget_expired(context: Context) -> Result<(), Problem> {
    let now = context.clock.now();
    store::forget_expired(&context, now).await?;
    context.state::<Revocations>().forget_expired(now);
    Ok(())
}
