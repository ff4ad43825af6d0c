//! HTTP: parse, ask the policies, call the domain, reply.

mod applications;
mod authorizations;
mod consents;
mod devices;
mod discovery;
mod oauth;
mod registration;

use nexus_kernel::Context;
use utoipa_axum::router::OpenApiRouter;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .merge(discovery::router())
        .merge(oauth::router())
        .merge(registration::router())
        .merge(applications::router())
        .merge(authorizations::router())
        .merge(devices::router())
        .merge(consents::router())
}
