//! user-auth keeps the accounts of people: the owner's, made once with the set-up link, those that people register themselves,
//! those that they are invited to, and those that a directory keeps here by SCIM. It knows their addresses and whether those are
//! verified, their passwords as Argon2id hashes, their groups and their roles. It sends the mails that all of this needs, or
//! shows them in the development mailbox.

mod accounts;
mod breached;
mod credentials;
mod erasure;
mod error;
mod export;
mod group;
mod groups;
mod invitation;
mod invitations;
mod mail;
mod mailer;
mod name;
mod organisation;
mod password;
mod registration;
mod routes;
mod scim;
mod session_revocation;
mod setup;
mod sign_in_mail;
mod store;
mod user;
mod verification;

use std::time::Duration;

pub use breached::{Built, build_breached_passwords};
use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

use crate::mailer::Mailer;
use crate::password::Passwords;
use crate::setup::SetupToken;

/// How often jobs look for work that nobody woke them for.
const LOOK: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_hours(1);

static MIGRATIONS: [Migration; 4] = [
    Migration::new(1, "accounts", include_str!("../migrations/0001_accounts.sql")),
    Migration::new(2, "groups", include_str!("../migrations/0002_groups.sql")),
    Migration::new(3, "invitations", include_str!("../migrations/0003_invitations.sql")),
    Migration::new(4, "scim", include_str!("../migrations/0004_scim.sql")),
];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::user_auth::SERVICE)
        .migrations(&MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .state(|context| Passwords::new(&context.config.identity.breached_passwords))
        .state(|context| SetupToken::generate(&context.ids))
        .state(|context| Mailer::new(&context.config.mail))
        .ready("breached-passwords", |context| Box::pin(async move { context.state::<Passwords>().check() }))
        .ready("mail", |context| Box::pin(async move { context.state::<Mailer>().check() }))
        .routes(routes::router())
        .job(Job::every(mailer::JOB, LOOK, |context| Box::pin(mailer::send_due(context))))
        .job(Job::every(registration::JOB, LOOK, |context| Box::pin(registration::answer_requests(context))))
        .job(Job::every(session_revocation::JOB, LOOK, |context| Box::pin(session_revocation::carry_out(context))))
        .job(Job::singleton("forget-expired", HOUR, |context| Box::pin(registration::forget_expired(context))))
}
