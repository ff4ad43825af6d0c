//! HTTP.

mod api_tokens;
mod internal;
mod public;

use nexus_kernel::Context;
use utoipa_axum::router::OpenApiRouter;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    public::router().merge(api_tokens::router()).merge(internal::router())
}
