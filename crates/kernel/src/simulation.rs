//! A simulated process, for tests that search for mistakes by chance: everything that it leaves to chance comes from a seed, it can
//! be killed or halted between any two steps, and its store fails on request. The code under test is the real one.
//!
//! The seam is the clock, which a test injects anyway ([`crate::Clock::simulated`]): the store of a simulated process does its
//! work on the calling thread, so that a runtime with one thread and paused time repeats a run exactly.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio_util::task::TaskTracker;

use crate::store::StoreError;
use crate::time::Clock;

/// The longest pause before a step of a store.
const LONGEST_PAUSE: Duration = Duration::from_millis(60);

/// How a process's store fails: each a probability.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreFaults {
    /// A step takes its time, in which anything else may happen.
    pub slow: f64,
    /// A commit fails and has changed nothing.
    pub refused: f64,
    /// A commit has happened and nobody hears of it.
    pub unheard: f64,
    /// Leaders do not notice that their lease is lost, so that only its token can keep them from acting.
    pub reckless: bool,
    /// Leaders commit whatever their lease says: a mistake, by which a test shows that it would be found.
    pub unfenced: bool,
    /// Publishers delete old events whoever has yet to apply them: another such mistake.
    pub hasty: bool,
}

/// One process of a simulated world.
pub struct Simulation {
    state: Mutex<State>,
}

struct State {
    chance: StdRng,
    faults: StoreFaults,
    killed: bool,
    halted: bool,
    next: u64,
    /// In the order in which the tasks were made, so that they are woken in the same order every time.
    wakers: BTreeMap<u64, Waker>,
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").finish_non_exhaustive()
    }
}

impl Simulation {
    /// A process whose chance comes from this seed.
    pub fn new(seed: u64) -> Arc<Self> {
        let state = State {
            chance: StdRng::seed_from_u64(seed),
            faults: StoreFaults::default(),
            killed: false,
            halted: false,
            next: 0,
            wakers: BTreeMap::new(),
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From 0 to 1.
    pub fn chance(&self) -> f64 {
        self.state().chance.random()
    }

    /// A number below the limit.
    pub fn number(&self, limit: u64) -> u64 {
        self.state().chance.random_range(0..limit)
    }

    /// Whether something of this probability happens.
    pub fn happens(&self, probability: f64) -> bool {
        self.chance() < probability
    }

    /// From now on the store fails like this.
    pub fn fail(&self, faults: StoreFaults) {
        self.state().faults = faults;
    }

    /// Drops every task where it stands, as `kill -9` does.
    pub fn kill(&self) {
        self.change(|state| state.killed = true);
    }

    /// No task gets on until [`Self::go_on`], as after SIGSTOP.
    pub fn halt(&self) {
        self.change(|state| state.halted = true);
    }

    /// Whether it was halted, and does not go on yet.
    pub fn is_halted(&self) -> bool {
        self.state().halted
    }

    /// The tasks get on.
    pub fn go_on(&self) {
        self.change(|state| state.halted = false);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakers = {
            let mut state = self.state();
            change(&mut state);
            state.wakers.clone()
        };
        wakers.into_values().for_each(Waker::wake);
    }

    /// Work of this process; it ends with `None` when the process is killed.
    pub fn task<F: Future>(self: &Arc<Self>, work: F) -> Task<F> {
        let mut state = self.state();
        state.next += 1;
        Task { number: state.next, process: Arc::clone(self), work: Some(Box::pin(work)) }
    }

    /// A step of the store begins.
    pub(crate) async fn step(&self) {
        let slow = self.state().faults.slow;
        if self.happens(slow) {
            tokio::time::sleep(LONGEST_PAUSE.mul_f64(self.chance())).await;
        }
    }

    pub(crate) fn is_reckless(&self) -> bool {
        self.state().faults.reckless
    }

    pub(crate) fn is_unfenced(&self) -> bool {
        self.state().faults.unfenced
    }

    pub(crate) fn is_hasty(&self) -> bool {
        self.state().faults.hasty
    }

    /// Before a commit.
    pub(crate) async fn before_commit(&self) -> Result<(), StoreError> {
        self.step().await;
        let refused = self.state().faults.refused;
        self.answer(refused)
    }

    /// After a commit that succeeded.
    pub(crate) async fn after_commit(&self) -> Result<(), StoreError> {
        self.step().await;
        let unheard = self.state().faults.unheard;
        self.answer(unheard)
    }

    fn answer(&self, failure: f64) -> Result<(), StoreError> {
        if self.happens(failure) { Err(StoreError::Unavailable("the simulation wants it".to_owned())) } else { Ok(()) }
    }
}

/// A process's task.
pub struct Task<F> {
    number: u64,
    process: Arc<Simulation>,
    work: Option<Pin<Box<F>>>,
}

impl<F> fmt::Debug for Task<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<F: Future> Future for Task<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        {
            let mut state = self.process.state();
            if !state.killed {
                state.wakers.insert(self.number, context.waker().clone());
                if state.halted {
                    return Poll::Pending;
                }
            }
        }
        let killed = self.process.state().killed;
        let Some(work) = self.work.as_mut().filter(|_| !killed) else {
            self.work = None;
            return Poll::Ready(None);
        };
        work.as_mut().poll(context).map(Some)
    }
}

impl<F> Drop for Task<F> {
    fn drop(&mut self) {
        self.process.state().wakers.remove(&self.number);
    }
}

/// Spawns a service's work; in a simulated process it is a task of that process.
pub(crate) fn spawn(clock: &Clock, tasks: &TaskTracker, work: impl Future<Output = ()> + Send + 'static) {
    match clock.simulation() {
        None => tasks.spawn(work),
        Some(process) => {
            let task = process.task(work);
            tasks.spawn(async move {
                task.await;
            })
        }
    };
}
