//! session-mgr keeps the sessions of signed-in people and of the applications that act for them: where each began, when it was
//! last used, and its end. People list their sessions, name their devices, and end one, all or all others; an ended session is
//! announced at once, and its tokens are revoked at token-mgr, however often that takes. A session that is not used for too long
//! ends with its tokens, as token-mgr knows first.

mod account_change;
mod error;
mod events;
mod family_revocation;
mod routes;
mod session;
mod sessions;
mod store;

use std::time::Duration;

use nexus_contracts::token_mgr::{RefreshTokenReused, TokenFamilyEnded, TokensRefreshed};
use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

static MIGRATIONS: [Migration; 3] = [
    Migration::new(1, "sessions", include_str!("../migrations/0001_sessions.sql")),
    Migration::new(2, "devices", include_str!("../migrations/0002_devices.sql")),
    Migration::new(3, "account changes", include_str!("../migrations/0003_account_changes.sql")),
];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::session_mgr::SERVICE)
        .migrations(&MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .routes(routes::router())
        .on::<TokensRefreshed>("touch", |_, tx, event| Box::pin(events::on_tokens_refreshed(tx, event)))
        .on::<RefreshTokenReused>("revoke", |context, tx, event| {
            Box::pin(events::on_refresh_token_reused(context, tx, event))
        })
        .on::<TokenFamilyEnded>("end", |context, tx, event| Box::pin(events::on_family_ended(context, tx, event)))
        .job(Job::every(family_revocation::JOB, Duration::from_secs(5), |context| {
            Box::pin(family_revocation::carry_out(context))
        }))
        .job(Job::every(account_change::JOB, Duration::from_secs(5), |context| Box::pin(account_change::tell(context))))
        .job(Job::singleton("forget-expired", Duration::from_hours(1), |context| {
            Box::pin(sessions::forget_expired(context))
        }))
}
