//! puabo-dsp-upload-mgr receives files over connections that break: tus 1.0.0 with creation, termination, checksum and
//! expiration. What it has acknowledged is kept for good, whichever instance dies. A complete file that is media goes into the blob store and
//! becomes a content item; anything else is refused with the reason, and nothing of it stays.

mod check;
mod checksum;
mod container;
mod error;
mod events;
mod expiry;
mod lease;
mod lock;
mod metadata;
mod part;
mod protocol;
mod receive;
mod removal;
mod routes;
mod store;
mod tus;
mod upload;

use std::time::Duration;

use nexus_contracts::content_management::{ContentDeleted, ContentMediaFailed};
use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "uploads", include_str!("../migrations/0001_uploads.sql")),
    Migration::new(2, "instances", include_str!("../migrations/0002_instances.sql")),
];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::puabo_dsp_upload_mgr::SERVICE)
        .migrations(MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .state(receive::Receivers::new)
        .routes(tus::router())
        .routes(routes::router())
        .on::<ContentMediaFailed>("refuse", |ctx, tx, event| Box::pin(events::on_media_failed(ctx, tx, event)))
        .on::<ContentDeleted>("remove", |ctx, tx, event| Box::pin(events::on_content_deleted(ctx, tx, event)))
        .job(Job::every(check::JOB, Duration::from_secs(5), |ctx| Box::pin(check::work(ctx))))
        .job(Job::every(removal::JOB, Duration::from_secs(5), |ctx| Box::pin(removal::work(ctx))))
        .job(Job::every(expiry::JOB, Duration::from_mins(1), |ctx| Box::pin(expiry::work(ctx))))
}
