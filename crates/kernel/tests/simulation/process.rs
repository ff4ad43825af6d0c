//! The processes of a world: two that write and two that listen, on the same two files.

use std::path::Path;
use std::sync::Arc;

use nexus_kernel::cache::Cache;
use nexus_kernel::config::{Config, EventsConfig};
use nexus_kernel::discovery::InProcess;
use nexus_kernel::runtime::{Cloud, Environment};
use nexus_kernel::simulation::{Simulation, StoreFaults};
use nexus_kernel::{Clock, Context, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::network::{Answering, Bus, way};
use crate::services::{LISTENER, Sight, Temper, WRITER, listener, writer};

/// What all processes of a world share.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) chance: Arc<Simulation>,
    pub(crate) bus: Arc<Bus>,
    pub(crate) answering: Answering,
    pub(crate) calm: CancellationToken,
    pub(crate) faults: StoreFaults,
    pub(crate) failing: f64,
}

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Writes,
    Listens,
}

/// A running process.
pub(crate) struct Process {
    pub(crate) simulation: Arc<Simulation>,
    pub(crate) clock: Clock,
    pub(crate) sight: Sight,
    pub(crate) context: Context,
    place: usize,
    part: Part,
    discovery: Arc<InProcess>,
    _cloud: Cloud,
}

impl World {
    /// Starts a process, unless it fails at its start, as one may whose store fails.
    pub(crate) async fn start(&self, part: Part, place: usize, now: Timestamp, seed: u64) -> Option<Process> {
        let simulation = Simulation::new(seed);
        simulation.fail(self.faults);
        let clock = Clock::simulated(now, Arc::clone(&simulation));
        let discovery = Arc::new(InProcess::new());
        discovery.register(WRITER, way(Arc::clone(&self.chance), self.answering.clone(), self.calm.clone()));
        let environment = Environment {
            config: Arc::new(config(self.folder.path())),
            clock: clock.clone(),
            carrier: Arc::clone(&self.bus) as _,
            cache: Cache::embedded(clock.clone()),
            discovery: Arc::clone(&discovery),
        };
        let sight = Sight::default();
        let (name, service) = match part {
            Part::Writes => (WRITER, writer()),
            Part::Listens => {
                let (chance, calm) = (Arc::clone(&simulation), self.calm.clone());
                (LISTENER, listener(Temper { chance, calm, failing: self.failing }, sight.clone()))
            }
        };
        let Ok(cloud) = Cloud::start(&environment, vec![service]).await else {
            simulation.kill();
            return None;
        };
        if part == Part::Writes {
            self.answering.set(place, Some((cloud.router(name)?, Arc::clone(&simulation))));
        }
        let context = cloud.context_of(name)?.clone();
        Some(Process { simulation, clock, sight, context, place, part, discovery, _cloud: cloud })
    }

    /// Kills a process.
    pub(crate) fn kill(&self, process: Process) -> Sight {
        process.simulation.kill();
        if process.part == Part::Writes {
            self.answering.set(process.place, None);
        }
        // A process that ends closes its files. Here its table of services would keep its router, and that the table.
        for name in [WRITER, LISTENER] {
            process.discovery.register(name, axum::Router::new());
        }
        process.sight
    }
}

fn config(folder: &Path) -> Config {
    let mut config = Config { data: folder.to_owned(), ..Config::default() };
    config.events.keep_days = EventsConfig::LEAST_DAYS;
    config
}
