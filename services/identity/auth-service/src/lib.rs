//! auth-service signs people in with their password and out again: user-auth knows the password, session-mgr keeps the
//! session, token-mgr issues its tokens. Guessing is slowed down twice: for each account, whether it exists or not, and for
//! each network that guesses.

mod attempt;
mod client;
mod error;
mod lockout;
mod routes;
mod sign_in;
mod store;

use std::time::Duration;

use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

static MIGRATIONS: [Migration; 1] = [Migration::new(1, "failures", include_str!("../migrations/0001_failures.sql"))];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::auth_service::SERVICE)
        .migrations(&MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .routes(routes::router())
        .job(Job::singleton("forget-failures", Duration::from_hours(1), |context| Box::pin(attempt::forget(context))))
}
