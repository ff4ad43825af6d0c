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
mod words;

use std::time::Duration;

use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "content", include_str!("../migrations/0001_content.sql")),
    Migration::new(2, "search", include_str!("../migrations/0002_search.sql"))
        .postgres(include_str!("../migrations/0002_search.postgres.sql")),
];

/// The service's definition.
pub fn service() -> Service {
    Service::new("content-management")
        .migrations(MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .routes(routes::router())
        .routes(internal::router())
        .job(Job::singleton("index-content", Duration::from_hours(1), |ctx| Box::pin(content::index(ctx))))
}
