//! Registration: people make their own accounts, as members of the organisation, and show that their address is theirs.
//!
//! Nobody learns from it whether an address has an account: every answer is the same, and so is the work before it. What
//! there is to say goes to the address itself.

use std::time::Duration;

use garde::Validate;
use nexus_contracts::user_auth::{EmailAddress, UserCreated, UserVerified};
use nexus_kernel::blobs::hex;
use nexus_kernel::config::Registration;
use nexus_kernel::limit::Quota;
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, Problem, TenantId, UserId};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::error::Error;
use crate::invitation;
use crate::mail::{self, Mail, MailId};
use crate::mailer;
use crate::name::Name;
use crate::organisation::Organisation;
use crate::password::{NewPassword, Passwords, is_not};
use crate::store::{self, Registered};
use crate::user::User;
use crate::verification::{self, VerificationToken};

/// The job that answers requests for a new link.
pub(crate) const JOB: &str = "answer-verification-requests";
/// The most requests that are read at once.
const BATCH: i64 = 100;
/// How long an unsent mail is worth sending, and a development mail worth showing: as long as its link.
const MAIL_KEPT: Duration = verification::LIFETIME;

/// Makes an account.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrationRequest {
    /// Your name.
    #[garde(dive)]
    name: Name,
    /// Your e-mail address; you sign in with it.
    #[garde(dive)]
    email: EmailAddress,
    /// Your password; any characters, 12 or more are recommended.
    #[garde(dive, custom(is_not(&self.email)))]
    password: NewPassword,
}

/// Shows that an address is yours.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyRequest {
    /// The token of the link that was mailed to the address.
    #[garde(skip)]
    pub(crate) token: VerificationToken,
}

/// Asks for a new verification link.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResendRequest {
    /// The address that you registered with.
    #[garde(dive)]
    pub(crate) email: EmailAddress,
}

/// Somebody wants a new link for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerificationRequest {
    pub(crate) id: String,
    pub(crate) tenant: TenantId,
    pub(crate) email: EmailAddress,
}

/// Makes an account that can't be used before its address is verified. Whoever registered the same address before and never
/// verified it is replaced, so that nobody can occupy another's address.
pub(crate) async fn register(context: &Context, request: RegistrationRequest) -> Result<(), Error> {
    if context.config.identity.registration == Registration::Closed {
        return Err(Error::RegistrationClosed);
    }
    let organisation = store::first_organisation(context).await?.ok_or(Error::RegistrationClosed)?;
    let password = context.state::<Passwords>().hash(&request.password).await?;
    if !may_mail(context, &request.email).await {
        return Ok(());
    }
    let user = newcomer(context, organisation, request);
    let mut tx = context.store.begin(user.tenant).await?;
    match store::register(&mut tx, &user, &password).await? {
        Registered::Created => {
            tx.publish(&UserCreated { user_id: user.id, roles: user.roles.clone() }).await?;
            mail_link(context, &mut tx, user.id, &user.email).await?;
        }
        Registered::Replaced(id) => mail_link(context, &mut tx, id, &user.email).await?,
        Registered::Taken => {
            let text = mail::address_is_known(&context.config.public_url);
            add_mail(context, &mut tx, &user.email, text).await?;
        }
    }
    tx.commit().await?;
    context.wake(mailer::JOB);
    Ok(())
}

fn newcomer(context: &Context, organisation: Organisation, request: RegistrationRequest) -> User {
    let id = UserId(context.ids.next());
    User::new(id, organisation.tenant, organisation.name, request.name, request.email, context.clock.now())
}

/// Whether one more mail to this address is no nuisance: five at once, then one a minute. Without its cache the service
/// rather sends one too many.
pub(crate) async fn may_mail(context: &Context, email: &EmailAddress) -> bool {
    let key = format!("user-auth:mail:{}", hex(&Sha256::digest(email.as_str().as_bytes())));
    match context.cache.limit(&key, Quota::per_second(1.0 / 60.0, 5)).await {
        Ok(decision) => decision.allowed,
        Err(error) => {
            tracing::warn!(%error, "mails to one address can't be limited now");
            true
        }
    }
}

/// Puts a link on its way; the link before it is good no longer.
async fn mail_link(context: &Context, tx: &mut Tx, user: UserId, email: &EmailAddress) -> Result<(), Error> {
    let token = VerificationToken::generate(&context.ids);
    let expires_at = context.clock.now().plus(verification::LIFETIME);
    store::set_verification(tx, user, &token.hash()?, expires_at).await?;
    let text = mail::verify_address(&context.config.public_url, &token);
    Ok(add_mail(context, tx, email, text).await?)
}

pub(crate) async fn add_mail(
    context: &Context,
    tx: &mut Tx,
    to: &EmailAddress,
    letter: mail::Letter,
) -> Result<(), StoreError> {
    let mail = Mail {
        id: MailId(context.ids.next()),
        to: to.clone(),
        subject: letter.subject,
        text: letter.text,
        created_at: context.clock.now(),
    };
    store::add_mail(tx, &mail).await
}

/// Verifies the address that the token was mailed to. The token is good once.
pub(crate) async fn verify(context: &Context, token: &VerificationToken) -> Result<(), Error> {
    let hash = token.hash()?;
    let tenant = store::verification_tenant(context, &hash).await?.ok_or(Error::VerificationLinkInvalid)?;
    let now = context.clock.now();
    let mut tx = context.store.begin(tenant).await?;
    let user = store::spend_verification(&mut tx, &hash, now).await?.ok_or(Error::VerificationLinkInvalid)?;
    store::mark_verified(&mut tx, user, now).await?;
    tx.publish(&UserVerified { user_id: user }).await?;
    tx.commit().await?;
    Ok(())
}

/// Notes that somebody wants a new link. Whether there is an account for it is looked up later, so that no difference shows.
pub(crate) async fn request_link(context: &Context, email: EmailAddress) -> Result<(), Error> {
    let Some(organisation) = store::first_organisation(context).await? else { return Ok(()) };
    if !may_mail(context, &email).await {
        return Ok(());
    }
    let request = VerificationRequest { id: context.ids.next().to_string(), tenant: organisation.tenant, email };
    let mut tx = context.store.begin(request.tenant).await?;
    store::add_verification_request(&mut tx, &request).await?;
    tx.commit().await?;
    context.wake(JOB);
    Ok(())
}

/// Mails the links that were asked for, to the addresses that have an account and are not verified.
pub(crate) async fn answer_requests(context: Context) -> Result<(), Problem> {
    loop {
        let requests = store::verification_requests(&context, BATCH).await?;
        if requests.is_empty() {
            return Ok(());
        }
        for request in &requests {
            answer(&context, request).await?;
        }
    }
}

async fn answer(context: &Context, request: &VerificationRequest) -> Result<(), Error> {
    let mut tx = context.store.begin(request.tenant).await?;
    if store::take_verification_request(&mut tx, request).await?
        && let Some(user) = store::unverified_user(&mut tx, &request.email).await?
    {
        mail_link(context, &mut tx, user, &request.email).await?;
    }
    tx.commit().await?;
    context.wake(mailer::JOB);
    Ok(())
}

/// Forgets links, invitations and mails that are good no longer.
pub(crate) async fn forget_expired(context: Context) -> Result<(), Problem> {
    let now = context.clock.now();
    store::forget_expired(&context, now, now.minus(invitation::KEPT), now.minus(MAIL_KEPT)).await?;
    Ok(())
}
