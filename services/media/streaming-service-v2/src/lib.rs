//! streaming-service-v2 plays content: it has new media transcoded, reports how far that is, and delivers the result as HLS
//! in byte ranges. Public content has addresses for everybody; all other content has signed ones that expire, and only for
//! whom the policies let play it.

mod access;
mod delivery;
mod error;
mod events;
mod facts;
mod file;
mod playback;
mod range;
mod routes;
mod signing_key;
mod store;
mod task;

use std::time::Duration;

use nexus_contracts::content_management::{ContentDeleted, ContentMediaAttached, ContentPublished, ContentUnpublished};
use nexus_contracts::streamcore::{JobFailed, JobProgressed, JobSucceeded};
use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "streaming", include_str!("../migrations/0001_streaming.sqlite.sql"))
        .postgres(include_str!("../migrations/0001_streaming.postgres.sql")),
    Migration::new(2, "renditions", include_str!("../migrations/0002_renditions.sql")),
];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::streaming_service_v2::SERVICE)
        .migrations(MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .state(|_| facts::Facts::default())
        .state(|_| signing_key::SigningKey::default())
        .routes(routes::router())
        .on::<ContentMediaAttached>("order", |ctx, tx, event| Box::pin(events::on_media_attached(ctx, tx, event)))
        .on::<ContentDeleted>("remove", |ctx, tx, event| Box::pin(events::on_deleted(ctx, tx, event)))
        .on::<ContentPublished>("published", |ctx, _, event| Box::pin(events::on_published(ctx, event)))
        .on::<ContentUnpublished>("unpublished", |ctx, _, event| Box::pin(events::on_unpublished(ctx, event)))
        .on::<JobProgressed>("progressed", |ctx, tx, event| Box::pin(events::on_progressed(ctx, tx, event)))
        .on::<JobSucceeded>("succeeded", |ctx, tx, event| Box::pin(events::on_succeeded(ctx, tx, event)))
        .on::<JobFailed>("failed", |ctx, tx, event| Box::pin(events::on_failed(ctx, tx, event)))
        .job(Job::every(task::JOB, Duration::from_secs(5), |ctx| Box::pin(task::work(ctx))))
}
