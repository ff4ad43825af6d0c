//! token-mgr issues the tokens of sessions: access tokens that are good for minutes, signed with Ed25519, and refresh tokens
//! that are good once. Each refresh gives a new pair; a refresh token that comes a second time was copied, and ends the whole
//! family. It signs ID tokens, and keeps the tokens that people and programs use for months. It says what a token is, whatever
//! its kind, and ends single ones. The seeds of its keys are sealed by key-service, without which it signs nothing. The public keys are at `/.well-known/jwks.json`.

mod access_token;
mod api_token;
mod api_tokens;
mod error;
mod events;
mod family;
mod grant;
mod id_token;
mod introspection;
mod keys;
mod presented;
mod refresh_token;
mod revocation;
mod routes;
mod store;
mod tokens;

use std::time::Duration;

use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

static MIGRATIONS: [Migration; 3] = [
    Migration::new(1, "tokens", include_str!("../migrations/0001_tokens.sql")),
    Migration::new(2, "grants", include_str!("../migrations/0002_grants.sql")),
    Migration::new(3, "api tokens", include_str!("../migrations/0003_api_tokens.sql")),
];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::token_mgr::SERVICE)
        .migrations(&MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .state(|_| keys::KeyRing::default())
        .routes(routes::router())
        .ready("signing keys", |context| Box::pin(keys::ready(context)))
        .job(Job::singleton("rotate-keys", HOUR, |context| Box::pin(keys::rotate(context))))
        .job(Job::singleton("end-idle", MINUTE, |context| Box::pin(tokens::end_idle(context))))
        .job(Job::singleton("forget-expired", HOUR, |context| Box::pin(tokens::forget_expired(context))))
}
