//! What auth-service asks of accounts besides their passwords: whose an address is, and the mails about signing in.

use nexus_contracts::user_auth::{AccountRef, CredentialCheck, EmailAddress, Notice, SendNotice, SendSignInLink};
use nexus_kernel::Context;
use nexus_kernel::auth::Role;

use crate::error::Error;
use crate::mail::{self, Letter, Mail, MailId};
use crate::mailer::{self, Mailer};
use crate::store::{self, Credentials};
use crate::user::User;

/// The account of an address that somebody has shown to be theirs.
pub(crate) async fn find(context: &Context, email: &EmailAddress) -> Result<CredentialCheck, Error> {
    let checked_at = context.clock.now();
    Ok(match store::credentials(context, email).await? {
        Some(Credentials { user, .. }) if may_sign_in(&user) => {
            let account = AccountRef { user: user.id, tenant: user.tenant };
            CredentialCheck::Valid { account, roles: user.effective_roles(), checked_at }
        }
        Some(_) | None => CredentialCheck::Invalid { account: None },
    })
}

fn may_sign_in(user: &User) -> bool {
    user.is_active() && user.email_verified_at.is_some()
}

/// Mails a link that signs in, to an address whose account may. Where mail stays in the development mailbox, which admins read,
/// no link goes to an admin or an owner: it would let one be another.
pub(crate) async fn send_link(context: &Context, request: &SendSignInLink) -> Result<(), Error> {
    let Some(Credentials { user, .. }) = store::credentials(context, &request.email).await? else { return Ok(()) };
    let runs_things = user.effective_roles().iter().any(|role| *role >= Role::Admin);
    if !may_sign_in(&user) || (runs_things && context.state::<Mailer>().is_mailbox()) {
        return Ok(());
    }
    let letter = mail::sign_in_link(&context.config.public_url, &request.token, request.minutes);
    put(context, &user, MailId(context.ids.next()), letter).await
}

/// Tells somebody what auth-service has to say.
pub(crate) async fn send_notice(context: &Context, request: &SendNotice) -> Result<(), Error> {
    let found = store::user(&mut context.store.read(request.tenant), request.user).await?;
    let Some(user) = found else { return Ok(()) };
    put(context, &user, MailId(request.id), letter(&context.config.public_url, &request.notice)).await
}

fn letter(public_url: &str, notice: &Notice) -> Letter {
    match notice {
        Notice::NewDevice { device, address, at } => mail::new_device(public_url, device, address, *at),
        Notice::AuthenticatorAdded => mail::authenticator_added(public_url),
        Notice::AuthenticatorRemoved => mail::authenticator_removed(public_url),
        Notice::RecoveryCodeUsed { left } => mail::recovery_code_used(public_url, *left),
    }
}

async fn put(context: &Context, user: &User, id: MailId, letter: Letter) -> Result<(), Error> {
    let mail = Mail {
        id,
        to: user.email.clone(),
        subject: letter.subject,
        text: letter.text,
        created_at: context.clock.now(),
    };
    let mut tx = context.store.begin(user.tenant).await?;
    store::add_mail(&mut tx, &mail).await?;
    tx.commit().await?;
    context.wake(mailer::JOB);
    Ok(())
}
