//! What auth-service-v2 asks of people and sessions: it knows no other service that has them.

use nexus_contracts::auth_service::{ApplicationSession, EndSession, StartApplicationSession};
use nexus_contracts::session_mgr::{RevokeSession, SessionId, SessionMgr, StartSession};
use nexus_contracts::user_auth::{Person, UserAuth};
use nexus_kernel::{Context, TenantId, UserId};

use crate::error::Error;

/// A person.
pub(crate) async fn person(context: &Context, tenant: TenantId, user: UserId) -> Result<Person, Error> {
    Ok(UserAuth::new(&context.mesh).person(user, tenant).await?)
}

/// Starts a session for an application, if the person's account may be used.
pub(crate) async fn start_application_session(
    context: &Context,
    request: StartApplicationSession,
) -> Result<ApplicationSession, Error> {
    // Before the look at the account, so that what changes meanwhile is noticed.
    let looked_at = context.clock.now();
    let person = person(context, request.tenant, request.user).await?;
    if !person.active || !person.email_verified {
        return Err(Error::AccountInactive);
    }
    let start = StartSession {
        tenant: request.tenant,
        user: request.user,
        authenticated_at: looked_at,
        user_agent: request.user_agent,
        address: request.address,
        methods: request.methods,
        client: Some(request.application),
    };
    let session = SessionMgr::new(&context.mesh).start(&start).await?;
    Ok(ApplicationSession { session, person })
}

/// Ends a session.
pub(crate) async fn end_session(context: &Context, session: SessionId, request: &EndSession) -> Result<(), Error> {
    let request = RevokeSession { tenant: request.tenant, reason: request.reason };
    Ok(SessionMgr::new(&context.mesh).revoke(session, &request).await?)
}
