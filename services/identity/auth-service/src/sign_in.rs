//! Signing in and out.

use garde::Validate;
use nexus_contracts::session_mgr::{
    RevocationReason, RevokeSession, SessionId, SessionMgr, StartSession, StartedSession,
};
use nexus_contracts::token_mgr::{IssueTokens, IssuedTokens, RefreshTokenDelivery, TokenMgr};
use nexus_contracts::user_auth::{AccountRef, CheckCredentials, CredentialCheck, EmailAddress, UserAuth};
use nexus_kernel::auth::Role;
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Principal, Problem, Resource, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::attempt::{self, Attempt};
use crate::client::Client;
use crate::error::Error;

/// No password has more characters, so that longer ones need not be looked at.
const MAX_PASSWORD_CHARACTERS: usize = 128;

/// Signs in.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInRequest {
    /// Your e-mail address.
    #[garde(dive)]
    email: EmailAddress,
    /// Your password.
    #[garde(custom(typed))]
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 128, example = "correct horse battery")]
    password: Secret,
    /// How the refresh token comes: in a cookie, for browsers, or in the reply's body, for programs that keep it themselves.
    #[garde(skip)]
    #[serde(default)]
    #[schema(default = "cookie", example = "cookie")]
    pub(crate) refresh_token: RefreshTokenDelivery,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands its context over like this")]
fn typed(password: &Secret, (): &()) -> garde::Result {
    if (1..=MAX_PASSWORD_CHARACTERS).contains(&password.expose().chars().count()) {
        return Ok(());
    }
    Err(garde::Error::new(format!("must have 1 to {MAX_PASSWORD_CHARACTERS} characters")))
}

/// Somebody whose password was right.
#[derive(Debug)]
struct SignedIn {
    account: AccountRef,
    roles: Vec<Role>,
    checked_at: Timestamp,
}

/// Signs somebody in: checks the password, starts a session and issues its first tokens.
pub(crate) async fn sign_in(context: &Context, request: SignInRequest, client: &Client) -> Result<IssuedTokens, Error> {
    let attempt = attempt::begin(context, &request.email, client).await?;
    let credentials = CheckCredentials { email: request.email, password: request.password };
    let signed_in = check(context, attempt, &credentials).await?;
    let session = start_session(context, &signed_in, client).await?;
    issue_tokens(context, &signed_in, &session).await
}

async fn check(context: &Context, attempt: Attempt, credentials: &CheckCredentials) -> Result<SignedIn, Error> {
    let outcome = match UserAuth::new(&context.mesh).check_credentials(credentials).await {
        Ok(outcome) => outcome,
        Err(error) => {
            attempt.never_was(context).await?;
            return Err(error.into());
        }
    };
    match outcome {
        CredentialCheck::Valid { account, roles, checked_at } => {
            attempt.succeeded(context).await?;
            Ok(SignedIn { account, roles, checked_at })
        }
        CredentialCheck::Unverified { .. } => {
            attempt.succeeded(context).await?;
            Err(Error::EmailNotVerified)
        }
        CredentialCheck::Invalid { account } => {
            let user = account.map(|account| account.user.to_string());
            tracing::info!(user, "a sign-in failed");
            Err(Error::InvalidCredentials)
        }
    }
}

async fn start_session(context: &Context, signed_in: &SignedIn, client: &Client) -> Result<StartedSession, Error> {
    let request = StartSession {
        tenant: signed_in.account.tenant,
        user: signed_in.account.user,
        authenticated_at: signed_in.checked_at,
        user_agent: client.user_agent.clone(),
        address: client.address.map(|address| address.to_string()).unwrap_or_default(),
    };
    Ok(SessionMgr::new(&context.mesh).start(&request).await?)
}

/// A session that can't be given its tokens is of no use to anybody and ends at once.
async fn issue_tokens(
    context: &Context,
    signed_in: &SignedIn,
    session: &StartedSession,
) -> Result<IssuedTokens, Error> {
    let AccountRef { user, tenant } = signed_in.account;
    let request = IssueTokens {
        session_id: session.session_id,
        tenant,
        user,
        roles: signed_in.roles.clone(),
        expires_at: session.expires_at,
    };
    match TokenMgr::new(&context.mesh).issue(&request).await {
        Ok(issued) => Ok(issued),
        Err(error) => {
            let request = RevokeSession { tenant, reason: RevocationReason::NeverBegan };
            if let Err(error) = SessionMgr::new(&context.mesh).revoke(session.session_id, &request).await {
                tracing::warn!(session = %session.session_id, %error, "a session without tokens could not be ended");
            }
            Err(error.into())
        }
    }
}

/// Ends the session that asks.
pub(crate) async fn sign_out(context: &Context, principal: &Principal) -> Result<(), Problem> {
    let session = SessionId(principal.session);
    let resource = Resource::new("Session", session).tenant(principal.tenant).owner(principal.user);
    context.authorize(principal, "sign-out", &resource)?;
    let request = RevokeSession { tenant: principal.tenant, reason: RevocationReason::SignedOut };
    SessionMgr::new(&context.mesh).revoke(session, &request).await?;
    Ok(())
}
