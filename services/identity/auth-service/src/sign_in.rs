//! Signing in, in one step or two, and out.

use garde::Validate;
use nexus_contracts::session_mgr::{
    RevocationReason, RevokeSession, SessionId, SessionMgr, StartSession, StartedSession,
};
use nexus_contracts::token_mgr::{IssueTokens, IssuedTokens, RefreshTokenDelivery, TokenMgr};
use nexus_contracts::user_auth::{AccountRef, CheckCredentials, CredentialCheck, EmailAddress, UserAuth};
use nexus_kernel::auth::AuthenticationMethod;
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Principal, Problem, Resource};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::attempt::{self, Attempt, Subject};
use crate::challenge::{self, ChallengeReply, Proven};
use crate::client::Client;
use crate::device::{self, Keeps};
use crate::error::Error;
use crate::second_factor;
use crate::sign_in_event::{self, Action, Method, Outcome, Record};
use crate::token::Token;
use crate::{notice, store};

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

/// Goes on with a sign-in whose password was right.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondFactorRequest {
    /// What the first step answered.
    #[garde(skip)]
    challenge: Token,
    /// The code that your authenticator app shows now, or one of your recovery codes.
    #[garde(custom(second_factor::typed))]
    #[schema(value_type = String, min_length = 6, max_length = 64, example = "123456")]
    code: Secret,
    /// How the refresh token comes.
    #[garde(skip)]
    #[serde(default)]
    #[schema(default = "cookie", example = "cookie")]
    pub(crate) refresh_token: RefreshTokenDelivery,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands its context over like this")]
pub(crate) fn typed(password: &Secret, (): &()) -> garde::Result {
    if (1..=MAX_PASSWORD_CHARACTERS).contains(&password.expose().chars().count()) {
        return Ok(());
    }
    Err(garde::Error::new(format!("must have 1 to {MAX_PASSWORD_CHARACTERS} characters")))
}

/// Somebody who is signed in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) issued: IssuedTokens,
    /// What failures of the account are counted for: the name of the device's cookie follows from it.
    pub(crate) account: Subject,
    /// The cookie by which the device is known from now on.
    pub(crate) device: Option<Token>,
}

/// Where a first step leads.
#[derive(Debug)]
pub(crate) enum FirstStep {
    /// The person is signed in.
    Done(Box<SignedIn>),
    /// A code is still to come.
    SecondFactorNeeded(ChallengeReply),
}

/// Takes the first step with a password.
pub(crate) async fn sign_in(context: &Context, request: SignInRequest, client: &Client) -> Result<FirstStep, Error> {
    let attempt = attempt::begin(context, &request.email, client).await?;
    let keeps = keeps(request.refresh_token);
    let credentials = CheckCredentials { email: request.email, password: request.password };
    let proven = check(context, attempt, &credentials, client).await?;
    go_on(context, proven, client, keeps).await
}

/// Who keeps a refresh token itself keeps no cookies.
pub(crate) fn keeps(delivery: RefreshTokenDelivery) -> Keeps {
    match delivery {
        RefreshTokenDelivery::Cookie => Keeps::Cookie,
        RefreshTokenDelivery::Body => Keeps::Nothing,
    }
}

/// Goes on after a first factor: to the second, or to the end.
pub(crate) async fn go_on(
    context: &Context,
    proven: Proven,
    client: &Client,
    keeps: Keeps,
) -> Result<FirstStep, Error> {
    let method = first_method(proven.method);
    if second_factor::is_needed(context, proven.who).await? {
        let record = Record { outcome: Outcome::SecondFactorNeeded, ..Record::done(Action::SignIn) }.by(method);
        sign_in_event::record_alone(context, proven.who, client, record).await?;
        return Ok(FirstStep::SecondFactorNeeded(challenge::open(context, proven).await?));
    }
    let methods = vec![proven.method];
    Ok(FirstStep::Done(Box::new(finish(context, &proven, client, keeps, (method, methods)).await?)))
}

fn first_method(method: AuthenticationMethod) -> Method {
    if method == AuthenticationMethod::Mail { Method::SignInLink } else { Method::Password }
}

async fn check(
    context: &Context,
    attempt: Attempt,
    credentials: &CheckCredentials,
    client: &Client,
) -> Result<Proven, Error> {
    let outcome = match UserAuth::new(&context.mesh).check_credentials(credentials).await {
        Ok(outcome) => outcome,
        Err(error) => {
            attempt.never_was(context).await?;
            return Err(error.into());
        }
    };
    let failed = Record::failed(Action::SignIn, Method::Password);
    match outcome {
        CredentialCheck::Valid { account: who, roles, checked_at } => {
            attempt.succeeded(context).await?;
            let account = Subject::account(&credentials.email);
            Ok(Proven { who, account, roles, checked_at, method: AuthenticationMethod::Password })
        }
        CredentialCheck::Unverified { account } => {
            attempt.succeeded(context).await?;
            sign_in_event::record_alone(context, account, client, failed).await?;
            Err(Error::EmailNotVerified)
        }
        CredentialCheck::Invalid { account: Some(account) } => {
            sign_in_event::record_alone(context, account, client, failed).await?;
            Err(Error::InvalidCredentials)
        }
        CredentialCheck::Invalid { account: None } => {
            sign_in_event::record_of_nobody(context, client, failed).await?;
            Err(Error::InvalidCredentials)
        }
    }
}

/// Takes the second step.
pub(crate) async fn second_step(
    context: &Context,
    request: &SecondFactorRequest,
    client: &Client,
) -> Result<SignedIn, Error> {
    let challenge = challenge::take_try(context, &request.challenge).await?;
    let proven = challenge.proven;
    let attempt = attempt::begin_second_factor(context, proven.who.user, &proven.account, client).await?;
    let looked = match second_factor::look(context, proven.who, &request.code).await {
        Ok(looked) => looked,
        Err(error) => {
            attempt.never_was(context).await?;
            return Err(error);
        }
    };
    let mut tx = context.store.begin(proven.who.tenant).await?;
    if !second_factor::spend(context, &mut tx, proven.who, &looked).await? {
        drop(tx);
        let failed = Record::failed(Action::SignIn, looked.method());
        sign_in_event::record_alone(context, proven.who, client, failed).await?;
        return Err(Error::WrongCode);
    }
    // Whoever else goes on with it at this moment has spent it.
    if !store::spend_challenge(&mut tx, &challenge.hash).await? {
        return Err(Error::ChallengeInvalid);
    }
    tx.commit().await?;
    attempt.succeeded(context).await?;
    let shown = (looked.method(), with_second_factor(proven.method));
    finish(context, &proven, client, keeps(request.refresh_token), shown).await
}

/// What a sign-in with both counts for (RFC 8176 section 2).
pub(crate) fn with_second_factor(first: AuthenticationMethod) -> Vec<AuthenticationMethod> {
    vec![first, AuthenticationMethod::OneTimePassword, AuthenticationMethod::MultipleFactors]
}

/// Starts the session, issues its tokens and writes down that somebody signed in, with which proof and from what.
async fn finish(
    context: &Context,
    proven: &Proven,
    client: &Client,
    keeps: Keeps,
    (shown, methods): (Method, Vec<AuthenticationMethod>),
) -> Result<SignedIn, Error> {
    let session = start_session(context, proven, client, &methods).await?;
    let opened = async {
        let device = write_down(context, proven, client, keeps, (shown, session.session_id)).await?;
        let issued = issue_tokens(context, proven, &session, methods).await?;
        Ok(SignedIn { issued, account: proven.account.clone(), device })
    };
    match opened.await {
        Ok(signed_in) => Ok(signed_in),
        Err(error) => {
            abandon(context, proven.who, session.session_id).await;
            Err(error)
        }
    }
}

async fn write_down(
    context: &Context,
    proven: &Proven,
    client: &Client,
    keeps: Keeps,
    (shown, session): (Method, SessionId),
) -> Result<Option<Token>, Error> {
    let mut tx = context.store.begin(proven.who.tenant).await?;
    let seen = device::remember(context, &mut tx, proven.who, &proven.account, client, keeps).await?;
    if let Some(about) = &seen.notice {
        notice::put(context, &mut tx, proven.who.user, about).await?;
    }
    let record = Record::done(Action::SignIn).by(shown).session(session);
    sign_in_event::record(context, &mut tx, proven.who.user, client, record).await?;
    tx.commit().await?;
    context.wake(notice::JOB);
    Ok(seen.cookie)
}

async fn start_session(
    context: &Context,
    proven: &Proven,
    client: &Client,
    methods: &[AuthenticationMethod],
) -> Result<StartedSession, Error> {
    let request = StartSession {
        tenant: proven.who.tenant,
        user: proven.who.user,
        authenticated_at: proven.checked_at,
        user_agent: client.user_agent.clone(),
        address: client.address_text(),
        client: None,
        methods: methods.to_vec(),
    };
    Ok(SessionMgr::new(&context.mesh).start(&request).await?)
}

async fn issue_tokens(
    context: &Context,
    proven: &Proven,
    session: &StartedSession,
    methods: Vec<AuthenticationMethod>,
) -> Result<IssuedTokens, Error> {
    let AccountRef { user, tenant } = proven.who;
    let request = IssueTokens {
        session_id: session.session_id,
        tenant,
        user,
        roles: proven.roles.clone(),
        expires_at: session.expires_at,
        authenticated_at: context.clock.now(),
        methods,
        grant: None,
    };
    Ok(TokenMgr::new(&context.mesh).issue(&request).await?)
}

/// A session that can't be given its tokens is of no use to anybody and ends at once.
async fn abandon(context: &Context, who: AccountRef, session: SessionId) {
    let request = RevokeSession { tenant: who.tenant, reason: RevocationReason::NeverBegan };
    if let Err(error) = SessionMgr::new(&context.mesh).revoke(session, &request).await {
        tracing::warn!(%session, %error, "a session without tokens could not be ended");
    }
}

/// Ends the session that asks.
pub(crate) async fn sign_out(context: &Context, principal: &Principal, client: &Client) -> Result<(), Problem> {
    let session = SessionId(principal.session);
    let resource = Resource::new("Session", session).tenant(principal.tenant).owner(principal.user);
    context.authorize(principal, "sign-out", &resource)?;
    let request = RevokeSession { tenant: principal.tenant, reason: RevocationReason::SignedOut };
    SessionMgr::new(&context.mesh).revoke(session, &request).await?;
    let who = AccountRef { user: principal.user, tenant: principal.tenant };
    sign_in_event::record_alone(context, who, client, Record::done(Action::SignOut).session(session)).await?;
    Ok(())
}
