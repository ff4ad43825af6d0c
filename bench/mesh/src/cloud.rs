//! Two services in one process, with everything that the kernel puts around them.

use std::path::Path;
use std::sync::Arc;

use nexus_kernel::cache::Cache;
use nexus_kernel::config::Config;
use nexus_kernel::discovery::InProcess;
use nexus_kernel::events::LocalCarrier;
use nexus_kernel::runtime::{Cloud, Environment};
use nexus_kernel::{Clock, Context, Service};
use utoipa_axum::router::OpenApiRouter;

use crate::{ANSWER, CALLEE, CALLER, PATH};

/// What the callee does.
pub(crate) async fn answer() -> &'static str {
    ANSWER
}

pub(crate) async fn start(folder: &Path) -> anyhow::Result<Cloud> {
    let clock = Clock::system();
    let environment = Environment {
        config: Arc::new(Config { data: folder.to_owned(), ..Config::default() }),
        carrier: Arc::new(LocalCarrier::new()),
        cache: Cache::embedded(clock.clone()),
        discovery: Arc::new(InProcess::new()),
        clock,
    };
    let routes = OpenApiRouter::<Context>::new().route(PATH, axum::routing::get(answer));
    Ok(Cloud::start(&environment, vec![Service::new(CALLEE).routes(routes), Service::new(CALLER)]).await?)
}
