//! auth-service signs people in and out: with their password or a mailed link, and a code of their authenticator app where they
//! have one. user-auth knows the password, session-mgr keeps the session, token-mgr issues its tokens. Guessing is slowed down
//! without keeping anybody out, and who signed in from where is kept for those who may look.

mod attempt;
mod audit;
mod authenticator;
mod challenge;
mod client;
mod cookie;
mod device;
mod error;
mod events;
mod factors;
mod hub;
mod lockout;
mod notice;
mod recovery_code;
mod routes;
mod second_factor;
mod sign_in;
mod sign_in_event;
mod sign_in_link;
mod step_up;
mod store;
mod token;
mod vault;

use std::time::Duration;

use nexus_contracts::user_auth::UserErased;
use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

/// How often jobs look for work that nobody woke them for.
const LOOK: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_hours(1);

static MIGRATIONS: [Migration; 5] = [
    Migration::new(1, "failures", include_str!("../migrations/0001_failures.sql")),
    Migration::new(2, "factors", include_str!("../migrations/0002_factors.sql")),
    Migration::new(3, "devices", include_str!("../migrations/0003_devices.sql")),
    Migration::new(4, "sign-in links", include_str!("../migrations/0004_sign_in_links.sql")),
    Migration::new(5, "sign-in events", include_str!("../migrations/0005_sign_in_events.sql")),
];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::auth_service::SERVICE)
        .migrations(&MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .routes(routes::router())
        .on::<UserErased>("forget-person", |context, tx, event| Box::pin(events::on_user_erased(context, tx, event)))
        .job(Job::every(sign_in_link::JOB, LOOK, |context| Box::pin(sign_in_link::send(context))))
        .job(Job::every(notice::JOB, LOOK, |context| Box::pin(notice::tell(context))))
        .job(Job::singleton("forget-failures", HOUR, |context| Box::pin(attempt::forget(context))))
        .job(Job::singleton("forget-devices", HOUR, |context| Box::pin(device::forget(context))))
        .job(Job::singleton("forget-expired", HOUR, |context| Box::pin(sign_in_link::forget(context))))
        .job(Job::singleton("forget-events", HOUR, |context| Box::pin(audit::forget(context))))
}
