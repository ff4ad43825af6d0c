//! token-mgr issues the tokens of sessions: access tokens that are good for minutes, signed with Ed25519, and refresh tokens
//! that are good once. Each refresh gives a new pair; a refresh token that comes a second time was copied, and ends the whole
//! family. The public keys are at `/.well-known/jwks.json`.

mod access_token;
mod error;
mod events;
mod family;
mod keys;
mod presented;
mod refresh_token;
mod routes;
mod store;
mod tokens;

use std::time::Duration;

use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

const HOUR: Duration = Duration::from_hours(1);

static MIGRATIONS: [Migration; 1] = [Migration::new(1, "tokens", include_str!("../migrations/0001_tokens.sql"))];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::token_mgr::SERVICE)
        .migrations(&MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .state(|_| keys::KeyRing::default())
        .routes(routes::router())
        .job(Job::singleton("rotate-keys", HOUR, |context| Box::pin(keys::rotate(context))))
        .job(Job::singleton("forget-expired", HOUR, |context| Box::pin(tokens::forget_expired(context))))
}
