//! user-auth keeps the accounts of people: the owner's, made once with the set-up link, and those that people register
//! themselves. It knows their addresses and whether those are verified, their passwords as Argon2id hashes, and their roles.
//! It sends the mails that registration needs, or shows them in the development mailbox.

mod accounts;
mod credentials;
mod error;
mod mail;
mod mailer;
mod name;
mod password;
mod registration;
mod routes;
mod session_revocation;
mod setup;
mod store;
mod user;
mod verification;

use std::time::Duration;

use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

use crate::mailer::Mailer;
use crate::password::Passwords;
use crate::setup::SetupToken;

/// How often jobs look for work that nobody woke them for.
const LOOK: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_hours(1);

static MIGRATIONS: [Migration; 1] = [Migration::new(1, "accounts", include_str!("../migrations/0001_accounts.sql"))];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::user_auth::SERVICE)
        .migrations(&MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .state(|_| Passwords::default())
        .state(|context| SetupToken::generate(&context.ids))
        .state(|context| Mailer::new(&context.config.mail))
        .ready("mail", |context| Box::pin(async move { context.state::<Mailer>().check() }))
        .routes(routes::router())
        .job(Job::every(mailer::JOB, LOOK, |context| Box::pin(mailer::send_due(context))))
        .job(Job::every(registration::JOB, LOOK, |context| Box::pin(registration::answer_requests(context))))
        .job(Job::every(session_revocation::JOB, LOOK, |context| Box::pin(session_revocation::carry_out(context))))
        .job(Job::singleton("forget-expired", HOUR, |context| Box::pin(registration::forget_expired(context))))
}
