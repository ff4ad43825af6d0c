//! What the service does with sessions: start, list, end one, end all.

use nexus_contracts::session_mgr::{
    RevocationReason, RevokeSession, RevokeUserSessions, SessionId, StartSession, StartedSession,
};
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, Principal, Problem, Timestamp, UserId};

use crate::account_change::{self, AccountChange};
use crate::error::Error;
use crate::family_revocation;
use crate::session::Session;
use crate::store;

/// Starts a session.
pub(crate) async fn start(context: &Context, request: &StartSession) -> Result<StartedSession, Error> {
    let now = context.clock.now();
    let mut tx = context.store.begin(request.tenant).await?;
    let floor = store::raise_floor(&mut tx, request.user, Timestamp::from_micros(0)).await?;
    let session = Session::start(SessionId(context.ids.next()), request, floor, now)?;
    make_room(context, &mut tx, &session).await?;
    store::add(&mut tx, &session).await?;
    tx.publish(&session.started()).await?;
    tx.commit().await?;
    context.wake(family_revocation::JOB);
    Ok(StartedSession { session_id: session.id, expires_at: session.expires_at })
}

/// Ends those sessions that were used least lately, where one more would be too many. Each application is counted apart.
async fn make_room(context: &Context, tx: &mut Tx, new: &Session) -> Result<(), StoreError> {
    let most = usize::try_from(context.config.sessions.most_per_person.max(1)).unwrap_or(usize::MAX);
    let mut rivals = store::live_sessions(tx, new.user, new.created_at).await?;
    rivals.retain(|session| session.client == new.client);
    let too_many = (rivals.len() + 1).saturating_sub(most);
    for session in rivals.iter().take(too_many) {
        end(tx, session, RevocationReason::TooManySessions, new.created_at).await?;
    }
    Ok(())
}

/// Gives the device of one of the person's own sessions a name.
pub(crate) async fn rename_own(
    context: &Context,
    principal: &Principal,
    id: SessionId,
    name: Option<String>,
) -> Result<Session, Problem> {
    let mut tx = context.store.begin(principal.tenant).await?;
    let session = store::live_session(&mut tx, id, context.clock.now()).await?.ok_or(Error::NoSuchSession)?;
    if !context.allows(Some(principal), "rename-session", &session.resource())? {
        return Err(Error::NoSuchSession.into());
    }
    store::rename(&mut tx, id, name.as_deref()).await?;
    tx.commit().await?;
    Ok(Session { name, ..session })
}

/// Ends one of the person's own sessions.
pub(crate) async fn end_own(context: &Context, principal: &Principal, id: SessionId) -> Result<(), Problem> {
    let now = context.clock.now();
    let mut tx = context.store.begin(principal.tenant).await?;
    let session = store::live_session(&mut tx, id, now).await?.ok_or(Error::NoSuchSession)?;
    // Somebody else's session looks like none.
    if !context.allows(Some(principal), "end-session", &session.resource())? {
        return Err(Error::NoSuchSession.into());
    }
    end(&mut tx, &session, RevocationReason::EndedByPerson, now).await?;
    tx.commit().await?;
    context.wake(family_revocation::JOB);
    Ok(())
}

/// Ends all of the person's sessions, the one that asks included.
pub(crate) async fn end_all_own(context: &Context, principal: &Principal) -> Result<(), Error> {
    let mut tx = context.store.begin(principal.tenant).await?;
    end_all(context, &mut tx, principal.user, RevocationReason::EndedByPerson).await?;
    tx.commit().await?;
    context.wake(family_revocation::JOB);
    Ok(())
}

/// Ends all of the person's sessions but the one that asks.
pub(crate) async fn end_others(context: &Context, principal: &Principal) -> Result<(), Error> {
    let now = context.clock.now();
    let mut tx = context.store.begin(principal.tenant).await?;
    for session in store::live_sessions(&mut tx, principal.user, now).await? {
        if session.id.0 != principal.session {
            end(&mut tx, &session, RevocationReason::EndedByPerson, now).await?;
        }
    }
    tx.commit().await?;
    context.wake(family_revocation::JOB);
    Ok(())
}

/// Ends a session because another service says so.
pub(crate) async fn revoke(context: &Context, id: SessionId, request: &RevokeSession) -> Result<(), Error> {
    let now = context.clock.now();
    let mut tx = context.store.begin(request.tenant).await?;
    if let Some(session) = store::live_session(&mut tx, id, now).await? {
        end(&mut tx, &session, request.reason, now).await?;
    }
    tx.commit().await?;
    context.wake(family_revocation::JOB);
    Ok(())
}

/// Ends all of a person's sessions because another service says so, and keeps those from starting that saw an older account.
pub(crate) async fn revoke_user(context: &Context, user: UserId, request: &RevokeUserSessions) -> Result<(), Error> {
    let mut tx = context.store.begin(request.tenant).await?;
    store::raise_floor(&mut tx, user, request.authenticated_before).await?;
    end_all(context, &mut tx, user, request.reason).await?;
    store::add_account_change(&mut tx, &AccountChange::of(context.ids.next(), user, request)).await?;
    tx.commit().await?;
    context.wake(family_revocation::JOB);
    context.wake(account_change::JOB);
    Ok(())
}

async fn end_all(context: &Context, tx: &mut Tx, user: UserId, reason: RevocationReason) -> Result<(), StoreError> {
    let now = context.clock.now();
    for session in store::live_sessions(tx, user, now).await? {
        end(tx, &session, reason, now).await?;
    }
    Ok(())
}

/// Ends a session, announces it, and puts down that its tokens have to end. Wake [`family_revocation::JOB`] afterwards.
pub(crate) async fn end(
    tx: &mut Tx,
    session: &Session,
    reason: RevocationReason,
    now: Timestamp,
) -> Result<(), StoreError> {
    if store::revoke(tx, session.id, reason, now).await? {
        store::add_family_revocation(tx, session, now).await?;
        tx.publish(&session.revoked(reason)).await?;
    }
    Ok(())
}

/// Forgets what has ended by itself.
pub(crate) async fn forget_expired(context: Context) -> Result<(), Problem> {
    store::forget_expired(&context).await?;
    Ok(())
}
