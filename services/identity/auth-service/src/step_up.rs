//! Step-up: somebody signed in shows again who they are, and gets a token that says so (RFC 9470), in the same session.

use garde::Validate;
use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::token_mgr::{IssuedAccessToken, StepUp, TokenMgr};
use nexus_contracts::user_auth::{AccountRef, CheckCredentials, CredentialCheck, UserAuth};
use nexus_kernel::auth::AuthenticationMethod;
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Principal, Problem, Resource};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::attempt;
use crate::client::Client;
use crate::error::Error;
use crate::second_factor;
use crate::sign_in::{typed, with_second_factor};
use crate::sign_in_event::{self, Action, Method, Record};

/// Shows again who you are. Whoever has an authenticator sends a code, everybody else the password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepUpRequest {
    /// Your password.
    #[garde(inner(custom(typed)))]
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 128, example = "correct horse battery")]
    password: Option<Secret>,
    /// The code that your authenticator app shows now, or one of your recovery codes.
    #[garde(inner(custom(second_factor::typed)))]
    #[schema(value_type = Option<String>, min_length = 6, max_length = 64, example = "123456")]
    code: Option<Secret>,
}

/// What somebody shows.
enum Shown<'a> {
    Password(&'a Secret),
    Code(&'a Secret),
}

/// A token that says that the asker has just shown who they are.
pub(crate) async fn step_up(
    context: &Context,
    asker: &Principal,
    request: &StepUpRequest,
    client: &Client,
) -> Result<IssuedAccessToken, Problem> {
    let resource = Resource::new("Factors", asker.user).tenant(asker.tenant).owner(asker.user);
    context.authorize(asker, "step-up", &resource)?;
    if !asker.is_unlimited() {
        return Err(Error::OwnSessionOnly.into());
    }
    let who = AccountRef { user: asker.user, tenant: asker.tenant };
    let shown = match (&request.password, &request.code, second_factor::is_needed(context, who).await?) {
        (_, Some(code), true) => Shown::Code(code),
        (Some(password), _, false) => Shown::Password(password),
        (_, None, true) => return Err(Error::CodeNeeded.into()),
        (None, _, false) => return Err(Error::PasswordNeeded.into()),
    };
    let (method, methods) = prove(context, asker, client, shown).await?;
    let session = SessionId(asker.session);
    let request = StepUp {
        session_id: session,
        tenant: asker.tenant,
        user: asker.user,
        authenticated_at: context.clock.now(),
        methods,
    };
    let stepped = TokenMgr::new(&context.mesh).step_up(&request).await.map_err(Error::from)?;
    let record = Record::done(Action::StepUp).by(method).session(session);
    sign_in_event::record_alone(context, who, client, record).await?;
    Ok(stepped)
}

/// What was shown and what that is worth, counted as a failure until it is right.
async fn prove(
    context: &Context,
    asker: &Principal,
    client: &Client,
    shown: Shown<'_>,
) -> Result<(Method, Vec<AuthenticationMethod>), Error> {
    let who = AccountRef { user: asker.user, tenant: asker.tenant };
    let attempt = attempt::begin_step_up(context, SessionId(asker.session)).await?;
    let proof = match shown {
        Shown::Password(password) => password_is_right(context, who, password).await,
        Shown::Code(code) => code_is_right(context, who, code).await,
    };
    let (method, right) = match proof {
        Ok(proof) => proof,
        Err(error) => {
            attempt.never_was(context).await?;
            return Err(error);
        }
    };
    if !right {
        sign_in_event::record_alone(context, who, client, Record::failed(Action::StepUp, method)).await?;
        return Err(if method == Method::Password { Error::WrongPassword } else { Error::WrongCode });
    }
    attempt.succeeded(context).await?;
    let methods = match method {
        Method::Password => vec![AuthenticationMethod::Password],
        // The session began with a first factor.
        _ => with_second_factor(asker.methods.first().copied().unwrap_or(AuthenticationMethod::Password)),
    };
    Ok((method, methods))
}

async fn password_is_right(context: &Context, who: AccountRef, password: &Secret) -> Result<(Method, bool), Error> {
    let accounts = UserAuth::new(&context.mesh);
    let person = accounts.person(who.user, who.tenant).await?;
    let credentials = CheckCredentials { email: person.email, password: password.clone() };
    let outcome = accounts.check_credentials(&credentials).await?;
    Ok((Method::Password, matches!(outcome, CredentialCheck::Valid { account, .. } if account == who)))
}

async fn code_is_right(context: &Context, who: AccountRef, code: &Secret) -> Result<(Method, bool), Error> {
    let looked = second_factor::look(context, who, code).await?;
    let mut tx = context.store.begin(who.tenant).await?;
    let right = second_factor::spend(context, &mut tx, who, &looked).await?;
    tx.commit().await?;
    context.wake(crate::notice::JOB);
    Ok((looked.method(), right))
}
