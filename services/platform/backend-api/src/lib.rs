//! backend-api is the gateway: the one entry from outside to all services. It refuses what it can refuse by itself (malformed
//! paths, bodies that are too large or too slow, too many requests, tokens that are not good or whose session has ended),
//! forwards the rest by the longest prefix of `services.toml`, and serves the console and the API's document.

mod access_log;
mod admission;
mod client;
mod compression;
mod conditional;
mod connections;
mod console;
mod cors;
mod documents;
mod front;
mod inflow;
mod limits;
mod metrics;
mod overload;
mod path;
mod proxy;
mod rate;
mod redirect;
mod refusals;
mod revocation;
mod routes;
mod security_headers;
mod server;
mod store;
mod stream;
mod system;
mod tls;
mod way;

use std::sync::Arc;
use std::time::Duration;

use nexus_contracts::session_mgr::SessionRevoked;
use nexus_contracts::token_mgr::AccessTokenRevoked;
use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

pub use console::Assets;
pub use documents::merged_document;
pub use metrics::merged as merged_metrics;
pub use redirect::plain_listener;
pub use server::{ListenError, Listeners, Listening, serve};
pub use tls::TlsError;

/// The service's name.
pub(crate) const NAME: &str = "backend-api";

static MIGRATIONS: [Migration; 2] = [
    Migration::new(1, "revoked sessions", include_str!("../migrations/0001_revoked_sessions.sql")),
    Migration::new(2, "revoked tokens", include_str!("../migrations/0002_revoked_tokens.sql")),
];

/// The service's definition; `console` has the files of the console.
pub fn service(console: Arc<dyn Assets>) -> Service {
    Service::new(NAME)
        .migrations(&MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .state(move |_| console::Console::new(Arc::clone(&console)))
        .state(|_| documents::Documents::default())
        .state(|_| revocation::Revocations::default())
        .state(|_| front::Entrance::default())
        .routes(routes::router())
        .front(front::layers)
        .on::<SessionRevoked>("refuse", |context, tx, event| {
            Box::pin(revocation::on_session_revoked(context, tx, event))
        })
        .observe::<SessionRevoked>("refuse at once", |context, event| {
            revocation::observe_session_revoked(context, &event);
        })
        .on::<AccessTokenRevoked>("refuse", |context, tx, event| {
            Box::pin(revocation::on_token_revoked(context, tx, event))
        })
        .observe::<AccessTokenRevoked>("refuse at once", |context, event| {
            revocation::observe_token_revoked(context, &event);
        })
        .job(Job::every("forget-expired", Duration::from_mins(10), |context| {
            Box::pin(revocation::forget_expired(context))
        }))
}
