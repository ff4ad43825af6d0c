//! What lies between the processes: a bus that loses, repeats, delays and reorders hints, and calls that are slow or fail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http::StatusCode;
use nexus_kernel::events::{Carrier, CarrierError, CloudEvent, Hints};
use nexus_kernel::simulation::Simulation;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

type Listener = (String, UnboundedSender<Arc<CloudEvent>>);

/// The bus of a world.
pub(crate) struct Bus {
    chance: Arc<Simulation>,
    state: Mutex<BusState>,
}

#[derive(Default)]
struct BusState {
    down: bool,
    calm: bool,
    listeners: Vec<Listener>,
}

impl Bus {
    pub(crate) fn new(chance: Arc<Simulation>) -> Arc<Self> {
        Arc::new(Self { chance, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, BusState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A bus that goes down forgets who listened.
    pub(crate) fn set_down(&self, down: bool) {
        let mut state = self.state();
        state.down = down;
        if down {
            state.listeners.clear();
        }
    }

    /// From now on it does what a bus should.
    pub(crate) fn calm(&self) {
        self.state().calm = true;
    }

    fn send(&self, to: &UnboundedSender<Arc<CloudEvent>>, event: &Arc<CloudEvent>) {
        let fate = if self.state().calm { 0.0 } else { self.chance.chance() };
        let (to, event) = (to.clone(), Arc::clone(event));
        let tell = |to: &UnboundedSender<_>, event| {
            // Whoever listened may be gone.
            let _ = to.send(event);
        };
        match fate {
            0.0..0.5 => tell(&to, event),
            0.5..0.65 => {
                tell(&to, Arc::clone(&event));
                tell(&to, event);
            }
            0.65..0.85 => {
                let late = Duration::from_secs(3).mul_f64(self.chance.chance());
                tokio::spawn(async move {
                    tokio::time::sleep(late).await;
                    tell(&to, event);
                });
            }
            _ => {}
        }
    }
}

#[async_trait]
impl Carrier for Bus {
    async fn publish(&self, source: &str, events: &[Arc<CloudEvent>]) -> Result<(), CarrierError> {
        self.ping().await?;
        let listeners = self.state().listeners.clone();
        for event in events {
            for (_, to) in listeners.iter().filter(|(wanted, _)| wanted == source) {
                self.send(to, event);
            }
        }
        Ok(())
    }

    async fn subscribe(&self, source: &str) -> Result<Hints, CarrierError> {
        self.ping().await?;
        let (to, from) = unbounded_channel();
        self.state().listeners.push((source.to_owned(), to));
        Ok(futures::stream::unfold(from, |mut from| async move { Some((from.recv().await?, from)) }).boxed())
    }

    async fn ping(&self) -> Result<(), CarrierError> {
        if self.state().down { Err(CarrierError::Down) } else { Ok(()) }
    }
}

/// The processes that answer for a service now.
#[derive(Clone, Default)]
pub(crate) struct Answering(Arc<Mutex<Vec<Option<Door>>>>);

/// A process's router.
type Door = (Router, Arc<Simulation>);

impl Answering {
    pub(crate) fn set(&self, place: usize, process: Option<(Router, Arc<Simulation>)>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() <= place {
            all.resize(place + 1, None);
        }
        all[place] = process;
    }

    fn one(&self, chance: &Simulation) -> Option<(Router, Arc<Simulation>)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alive: Vec<_> = all.iter().flatten().collect();
        if alive.is_empty() {
            return None;
        }
        let place = usize::try_from(chance.number(alive.len() as u64)).unwrap();
        alive.get(place).map(|found| (*found).clone())
    }
}

/// The way to a service: a router that forwards to one of its processes, or does not.
pub(crate) fn way(chance: Arc<Simulation>, answering: Answering, calm: CancellationToken) -> Router {
    Router::new().fallback(move |request: Request| {
        let (chance, answering, calm) = (Arc::clone(&chance), answering.clone(), calm.clone());
        async move {
            let fate = if calm.is_cancelled() { 0.0 } else { chance.chance() };
            match fate {
                0.0..0.75 => {}
                0.75..0.85 => tokio::time::sleep(Duration::from_secs(3).mul_f64(chance.chance())).await,
                0.85..0.97 => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                // Nobody answers, and nobody says so.
                _ => std::future::pending().await,
            }
            forward(answering.one(&chance), request).await
        }
    })
}

/// Not a status that the mesh repeats by itself: its pauses are not of this world's chance.
async fn forward(process: Option<(Router, Arc<Simulation>)>, request: Request) -> Response {
    let Some((router, process)) = process else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let answer = process.task(router.oneshot(request)).await;
    answer.map_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response(), |Ok(response)| response)
}
