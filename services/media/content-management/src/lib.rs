//! content-management is the library of an organisation: items with title, description, visibility and media, from draft to
//! published and back, found by search. It knows how far each item's media is, and tells others when media arrives, fails or
//! must go.

mod content;
mod error;
mod events;
mod filter;
mod internal;
mod media;
mod routes;
mod store;

use nexus_kernel::Service;
use nexus_kernel::store::Migration;

const MIGRATIONS: &[Migration] = &[Migration::new(1, "content", include_str!("../migrations/0001_content.sql"))];

/// The service's definition.
pub fn service() -> Service {
    Service::new("content-management")
        .migrations(MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .routes(routes::router())
        .routes(internal::router())
}
