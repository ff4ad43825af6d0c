//! A grant: a session in which an application acts for a person. It begins with the person's yes, and its end is its session's.

use std::time::Duration;

use http::StatusCode;
use nexus_contracts::auth_service::{ApplicationSession, AuthService, EndSession, StartApplicationSession};
use nexus_contracts::session_mgr::{RevocationReason, SessionId};
use nexus_contracts::token_mgr::{self, IssueTokens, IssuedTokens, TokenFamilyEnded, TokenMgr};
use nexus_contracts::user_auth::Person;
use nexus_kernel::events::Delivery;
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, Problem, TenantId, Timestamp, UserId, backoff};
use uuid::Uuid;

use crate::application::{Application, ApplicationId};
use crate::backchannel::{self, LogoutNotice};
use crate::code::{Approval, CodeHash};
use crate::oauth_error::{Code, OAuthError};
use crate::parameters::Asker;
use crate::scope::{OFFLINE_ACCESS, Scope};
use crate::store;

/// The job that ends sessions.
pub(crate) const JOB: &str = "end-sessions";
/// The most orders that are read at once.
const BATCH: i64 = 100;
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A session in which an application acts for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) session: SessionId,
    pub(crate) user: UserId,
    pub(crate) application: ApplicationId,
    /// The person's own session, in which the person agreed.
    pub(crate) person_session: Uuid,
    pub(crate) scope: Scope,
    pub(crate) expires_at: Timestamp,
}

impl Grant {
    /// Whether it goes on when the person signs out.
    fn outlives_sign_out(&self) -> bool {
        self.scope.contains(OFFLINE_ACCESS)
    }
}

/// What begins a grant.
#[derive(Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) application: &'a Application,
    pub(crate) approval: &'a Approval,
    pub(crate) scope: &'a Scope,
    /// The thumbprint of the key that the tokens are bound to.
    pub(crate) confirmation: Option<String>,
    /// The code that it began with.
    pub(crate) code: Option<&'a CodeHash>,
}

/// A grant that has begun, with its first tokens.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) tokens: IssuedTokens,
    pub(crate) person: Person,
}

/// Begins a grant: a session at session-mgr, put down here, with tokens of token-mgr. What goes wrong on the way leaves an order to
/// end the session.
pub(crate) async fn begin(context: &Context, asker: &Asker, beginning: &Beginning<'_>) -> Result<Begun, OAuthError> {
    let tenant = beginning.application.tenant;
    let ApplicationSession { session, person } = start_session(context, asker, beginning).await?;
    let grant = Grant {
        session: session.session_id,
        user: person.user,
        application: beginning.application.id,
        person_session: beginning.approval.session,
        scope: beginning.scope.clone(),
        expires_at: session.expires_at,
    };
    let tokens = match put_down(context, tenant, &grant, beginning.code).await {
        Ok(true) => issue(context, beginning, &grant, &person).await,
        Ok(false) => Err(OAuthError::invalid_grant("the code was revoked meanwhile")),
        Err(error) => Err(error.into()),
    };
    match tokens {
        Ok(tokens) => Ok(Begun { tokens, person }),
        Err(error) => {
            order_end(context, tenant, grant.session, RevocationReason::NeverBegan).await?;
            Err(error)
        }
    }
}

async fn start_session(
    context: &Context,
    asker: &Asker,
    beginning: &Beginning<'_>,
) -> Result<ApplicationSession, OAuthError> {
    let request = StartApplicationSession {
        tenant: beginning.application.tenant,
        user: beginning.approval.user,
        application: beginning.application.definition.name.clone(),
        methods: beginning.approval.methods.clone(),
        user_agent: asker.user_agent.clone(),
        address: asker.address.clone(),
    };
    AuthService::new(&context.mesh).start_application_session(&request).await.map_err(|error| {
        let problem = Problem::from(error);
        match problem.code() {
            "account-inactive" | "sign-in-again" | "not-found" => {
                OAuthError::invalid_grant("the person's account has changed; the person has to sign in again")
            }
            _ => problem.into(),
        }
    })
}

/// Puts the grant down; false when its code was revoked meanwhile.
async fn put_down(
    context: &Context,
    tenant: TenantId,
    grant: &Grant,
    code: Option<&CodeHash>,
) -> Result<bool, StoreError> {
    let mut tx = context.store.begin(tenant).await?;
    if let Some(code) = code
        && !store::codes::link(&mut tx, code, grant.session).await?
    {
        return Ok(false);
    }
    store::grants::add(&mut tx, grant).await?;
    tx.commit().await?;
    Ok(true)
}

async fn issue(
    context: &Context,
    beginning: &Beginning<'_>,
    grant: &Grant,
    person: &Person,
) -> Result<IssuedTokens, OAuthError> {
    let request = IssueTokens {
        session_id: grant.session,
        tenant: beginning.application.tenant,
        user: person.user,
        roles: person.roles.clone(),
        expires_at: grant.expires_at,
        authenticated_at: beginning.approval.authenticated_at,
        methods: beginning.approval.methods.clone(),
        grant: Some(token_mgr::Grant {
            client_id: beginning.application.id.to_string(),
            scope: grant.scope.to_string(),
            confirmation: beginning.confirmation.clone(),
        }),
    };
    TokenMgr::new(&context.mesh).issue(&request).await.map_err(|error| match Problem::from(error) {
        problem if problem.status() == StatusCode::CONFLICT => {
            OAuthError::new(Code::InvalidGrant, "the grant has ended meanwhile")
        }
        problem => problem.into(),
    })
}

/// Orders that a session ends, whatever happens to this process.
pub(crate) async fn order_end(
    context: &Context,
    tenant: TenantId,
    session: SessionId,
    reason: RevocationReason,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(tenant).await?;
    store::orders::add_session_end(&mut tx, session, reason, context.clock.now()).await?;
    tx.commit().await?;
    context.wake(JOB);
    Ok(())
}

/// An order to end a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionEnd {
    pub(crate) session: SessionId,
    pub(crate) tenant: TenantId,
    pub(crate) reason: RevocationReason,
    pub(crate) attempts: i64,
}

/// Ends every session that has to end.
pub(crate) async fn end_sessions(context: Context) -> Result<(), Problem> {
    loop {
        let due = store::orders::due_session_ends(&context, BATCH).await?;
        if due.is_empty() {
            return Ok(());
        }
        for order in &due {
            attempt(&context, order).await?;
        }
    }
}

/// Ends sessions whose end was just ordered, so that whoever asked for it finds it done. What can't be done now, the job does.
pub(crate) async fn end_at_once(context: &Context, tenant: TenantId, sessions: &[SessionId], reason: RevocationReason) {
    for &session in sessions {
        let order = SessionEnd { session, tenant, reason, attempts: 0 };
        if let Err(problem) = attempt(context, &order).await {
            tracing::warn!(%session, %problem, "a session will be ended later");
        }
    }
}

async fn attempt(context: &Context, order: &SessionEnd) -> Result<(), Problem> {
    let request = EndSession { tenant: order.tenant, reason: order.reason };
    match AuthService::new(&context.mesh).end_session(order.session, &request).await {
        Ok(()) => store::orders::session_ended(context, order).await?,
        Err(error) => {
            tracing::warn!(session = %order.session, %error, "a session could not be ended yet");
            let next = context.clock.now().plus(backoff(order.attempts, LONGEST_WAIT));
            store::orders::postpone_session_end(context, order, next).await?;
        }
    }
    Ok(())
}

/// A session has ended: an application's own, or that of a person who agreed in it.
pub(crate) async fn on_family_ended(
    context: &Context,
    tx: &mut Tx,
    event: Delivery<TokenFamilyEnded>,
) -> Result<(), Problem> {
    let (session, tenant) = (event.data.session_id, event.tenant);
    let now = context.clock.now();
    if let Some(grant) = store::grants::live(tx, session).await? {
        store::grants::end(tx, session, now).await?;
        notify(context, tx, tenant, &grant).await?;
    }
    for grant in store::grants::live_of_session(tx, session.0).await? {
        notify(context, tx, tenant, &grant).await?;
        if !grant.outlives_sign_out() {
            store::grants::end(tx, grant.session, now).await?;
            store::orders::add_session_end(tx, grant.session, RevocationReason::SignedOut, now).await?;
            context.wake(JOB);
        }
    }
    store::codes::revoke_of(tx, session.0, now).await?;
    store::devices::deny_of(tx, session.0).await?;
    Ok(())
}

/// Puts down that the application has to be told, if it wants to be.
async fn notify(context: &Context, tx: &mut Tx, tenant: TenantId, grant: &Grant) -> Result<(), StoreError> {
    let Some(application) = store::applications::find(tx, grant.application).await? else { return Ok(()) };
    if application.definition.backchannel_logout_uri.is_none() {
        return Ok(());
    }
    let notice = LogoutNotice {
        id: context.ids.next(),
        tenant,
        application: grant.application,
        user: grant.user,
        session: grant.session,
        attempts: 0,
    };
    store::orders::add_notice(tx, &notice, context.clock.now()).await?;
    context.wake(backchannel::JOB);
    Ok(())
}
