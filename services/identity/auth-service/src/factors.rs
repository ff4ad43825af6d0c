//! A person's second factor: an authenticator app, confirmed by a first code, and recovery codes for when it is lost.

use std::time::Duration;

use garde::Validate;
use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::user_auth::{AccountRef, Notice, UserAuth};
use nexus_kernel::auth::Factor;
use nexus_kernel::config::Secret;
use nexus_kernel::seal::Sealed;
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, Principal, Problem, Resource, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authenticator::SharedSecret;
use crate::client::Client;
use crate::error::Error;
use crate::recovery_code::{CODES, RecoveryCode};
use crate::second_factor::{Code, typed};
use crate::sign_in_event::{self, Action, Method, Record};
use crate::{notice, store, vault};

/// How lately somebody must have shown who they are to change how they show it.
const RECENT: Duration = Duration::from_mins(10);

/// An authenticator app, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authenticator {
    pub(crate) secret: Sealed,
    pub(crate) created_at: Timestamp,
    pub(crate) confirmed_at: Option<Timestamp>,
}

/// What you have besides your password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuthenticationFactors)]
pub(crate) struct Factors {
    /// When your authenticator app was confirmed; absent: no code is asked for when you sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticator_since: Option<Timestamp>,
    /// How many recovery codes you have left.
    #[schema(minimum = 0, maximum = 10, example = 10)]
    recovery_codes_left: u32,
}

/// What your authenticator app has to know. It is shown once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuthenticatorEnrolment)]
pub(crate) struct Enrolment {
    /// The secret in base32, for an app that has no camera.
    #[schema(value_type = String, min_length = 32, max_length = 32, example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: Secret,
    /// The same as a link: show it as a QR code.
    #[schema(value_type = String, example = "otpauth://totp/Nexus%20COS:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Nexus%20COS")]
    uri: Secret,
}

/// Confirms an authenticator app.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConfirmAuthenticatorRequest)]
pub(crate) struct ConfirmRequest {
    /// The code that the app shows now.
    #[garde(custom(typed))]
    #[schema(value_type = String, min_length = 6, max_length = 64, example = "123456")]
    pub(crate) code: Secret,
}

/// Recovery codes. They are shown once: print them, or keep them where you keep passwords.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// Each is good for one sign-in.
    #[schema(value_type = Vec<String>, min_items = 10, max_items = 10, example = json!(["abcd-efgh-ijkl-mnop"]))]
    recovery_codes: Vec<Secret>,
}

/// What the asker has.
pub(crate) async fn view(context: &Context, asker: &Principal) -> Result<Factors, Problem> {
    allow(context, asker, "view-factors")?;
    let mut read = context.store.read(asker.tenant);
    let authenticator = store::authenticator(&mut read, asker.user).await?;
    let recovery_codes_left = store::recovery_codes_left(&mut read, asker.user).await?;
    Ok(Factors { authenticator_since: authenticator.and_then(|found| found.confirmed_at), recovery_codes_left })
}

/// Gives the asker a new authenticator to confirm, in place of one that was not.
pub(crate) async fn enrol(context: &Context, asker: &Principal) -> Result<Enrolment, Problem> {
    allow_change(context, asker, Factor::Any)?;
    let person = UserAuth::new(&context.mesh).person(asker.user, asker.tenant).await?;
    let secret = SharedSecret::generate(&context.ids);
    let uri = secret.uri(person.email.as_str())?;
    let locked = vault::lock(context, asker.user, &secret).await?;
    let authenticator = Authenticator { secret: locked, created_at: context.clock.now(), confirmed_at: None };
    let mut tx = context.store.begin(asker.tenant).await?;
    if !store::add_authenticator(&mut tx, asker.user, &authenticator).await? {
        return Err(Error::AuthenticatorExists.into());
    }
    tx.commit().await?;
    Ok(Enrolment { secret: Secret::from(secret.base32().as_str()), uri: Secret::from(uri.as_str()) })
}

/// Makes the new authenticator the asker's second factor, as its first code shows that the app has it.
pub(crate) async fn confirm(
    context: &Context,
    asker: &Principal,
    client: &Client,
    code: &Secret,
) -> Result<RecoveryCodes, Problem> {
    allow_change(context, asker, Factor::Any)?;
    let found = store::authenticator(&mut context.store.read(asker.tenant), asker.user).await?;
    let found = found.filter(|found| found.confirmed_at.is_none()).ok_or(Error::NothingToConfirm)?;
    let secret = vault::unlock(context, asker.user, &found.secret).await?;
    let now = context.clock.now();
    let Some(Code::Authenticator(code)) = Code::parse(code) else { return Err(Error::WrongCode.into()) };
    let step = secret.step_of(code.expose(), now)?.ok_or(Error::WrongCode)?;
    let mut tx = context.store.begin(asker.tenant).await?;
    if !store::confirm_authenticator(&mut tx, asker.user, &found.secret, step, now).await? {
        return Err(Error::NothingToConfirm.into());
    }
    let codes = renew_codes(context, &mut tx, asker).await?;
    notice::put(context, &mut tx, asker.user, &Notice::AuthenticatorAdded).await?;
    let record = changed(asker, Action::AddAuthenticator).by(Method::Authenticator);
    sign_in_event::record(context, &mut tx, asker.user, client, record).await?;
    tx.commit().await?;
    context.wake(notice::JOB);
    Ok(codes)
}

/// Takes the asker's authenticator and recovery codes away: the password is enough again.
pub(crate) async fn remove(context: &Context, asker: &Principal, client: &Client) -> Result<(), Problem> {
    let needed = if is_confirmed(context, asker).await? { Factor::Second } else { Factor::Any };
    allow_change(context, asker, needed)?;
    let mut tx = context.store.begin(asker.tenant).await?;
    if !store::remove_authenticator(&mut tx, asker.user).await? {
        return Err(Error::NoAuthenticator.into());
    }
    if needed == Factor::Second {
        notice::put(context, &mut tx, asker.user, &Notice::AuthenticatorRemoved).await?;
        let record = changed(asker, Action::RemoveAuthenticator);
        sign_in_event::record(context, &mut tx, asker.user, client, record).await?;
    }
    tx.commit().await?;
    context.wake(notice::JOB);
    Ok(())
}

/// New recovery codes; those before are good no more.
pub(crate) async fn renew(context: &Context, asker: &Principal, client: &Client) -> Result<RecoveryCodes, Problem> {
    allow_change(context, asker, Factor::Second)?;
    let mut tx = context.store.begin(asker.tenant).await?;
    if !store::lock_authenticator(&mut tx, asker.user).await? {
        return Err(Error::NoAuthenticator.into());
    }
    let codes = renew_codes(context, &mut tx, asker).await?;
    let record = changed(asker, Action::RenewRecoveryCodes);
    sign_in_event::record(context, &mut tx, asker.user, client, record).await?;
    tx.commit().await?;
    Ok(codes)
}

async fn renew_codes(context: &Context, tx: &mut Tx, asker: &Principal) -> Result<RecoveryCodes, StoreError> {
    let codes: Vec<RecoveryCode> = (0..CODES).map(|_| RecoveryCode::generate(&context.ids)).collect();
    store::forget_recovery_codes(tx, asker.user).await?;
    for code in &codes {
        store::add_recovery_code(tx, asker.user, &code.hash(asker.user)).await?;
    }
    Ok(RecoveryCodes { recovery_codes: codes.iter().map(RecoveryCode::shown).collect() })
}

async fn is_confirmed(context: &Context, asker: &Principal) -> Result<bool, StoreError> {
    let who = AccountRef { user: asker.user, tenant: asker.tenant };
    crate::second_factor::is_needed(context, who).await
}

fn changed(asker: &Principal, action: Action) -> Record {
    Record::done(action).session(SessionId(asker.session))
}

fn allow(context: &Context, asker: &Principal, action: &str) -> Result<(), Problem> {
    let resource = Resource::new("Factors", asker.user).tenant(asker.tenant).owner(asker.user);
    context.authorize(asker, action, &resource)
}

/// Only the person, and only right after having shown it: neither an application nor a stolen session changes how somebody
/// signs in.
fn allow_change(context: &Context, asker: &Principal, needed: Factor) -> Result<(), Problem> {
    allow(context, asker, "change-factors")?;
    if !asker.is_unlimited() {
        return Err(Error::OwnSessionOnly.into());
    }
    asker.must_have_authenticated(context.clock.now(), RECENT, needed)
}
