//! One seed's story: some time of faults, then calm, in which everything must arrive.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_kernel::Timestamp;
use nexus_kernel::simulation::{Simulation, StoreFaults};
use tokio_util::sync::CancellationToken;

use crate::checker::Checker;
use crate::network::{Answering, Bus};
use crate::process::{Part, Process, World};
use crate::services::{Noted, write};

/// One step of the world.
const STEP: Duration = Duration::from_millis(100);
/// How many steps of faults.
const TROUBLE: u64 = 200;
/// How many steps of calm at most: longer than the longest pause of a parked event.
const PATIENCE: u64 = 6_000;
/// How far a clock is set ahead at most: beyond the age at which events are deleted.
const LONGEST_JUMP: Duration = Duration::from_hours(72);
const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const PLACES: [Part; 4] = [Part::Writes, Part::Writes, Part::Listens, Part::Listens];

type Acknowledged = Arc<Mutex<Vec<Noted>>>;

/// A place that a process has, or will have again.
struct Place {
    part: Part,
    number: usize,
    process: Option<Process>,
    /// Steps until the next process starts, or the halted one goes on.
    wait: u64,
    halted: bool,
    lives: u64,
}

struct Story {
    seed: u64,
    world: World,
    chance: Arc<Simulation>,
    places: Vec<Place>,
    acknowledged: Acknowledged,
}

/// Tells it and checks it.
pub(crate) fn tell(seed: u64) {
    if std::env::var("SIMULATION_SEED").is_ok() {
        let _ = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(std::io::stderr).try_init();
        eprintln!("{}", once(seed));
    } else {
        once(seed);
    }
}

/// Tells it and says what happened.
pub(crate) fn once(seed: u64) -> String {
    run(seed, StoreFaults::default())
}

/// Tells it of a world whose leaders do not look at their lease when they commit.
pub(crate) fn unfenced(seed: u64) -> String {
    run(seed, StoreFaults { unfenced: true, ..StoreFaults::default() })
}

/// Tells it of a world whose publishers do not ask who has yet to apply their events.
pub(crate) fn hasty(seed: u64) -> String {
    run(seed, StoreFaults { hasty: true, ..StoreFaults::default() })
}

fn run(seed: u64, mistakes: StoreFaults) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(Story::new(seed, mistakes).run())
}

/// In memory where that is to be had: what the disk does is no part of these stories.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

impl Story {
    fn new(seed: u64, mistakes: StoreFaults) -> Self {
        let chance = Simulation::new(seed);
        let happy = chance.happens(0.1);
        let faults = StoreFaults {
            slow: if happy { 0.0 } else { chance.chance() * 0.3 },
            refused: if happy { 0.0 } else { chance.chance() * 0.05 },
            unheard: if happy { 0.0 } else { chance.chance() * 0.05 },
            reckless: mistakes.unfenced || chance.happens(0.5),
            ..mistakes
        };
        let failing = if chance.happens(0.5) { chance.chance() * 0.3 } else { 0.0 };
        let world = World {
            folder: folder(),
            bus: Bus::new(Arc::clone(&chance)),
            chance: Arc::clone(&chance),
            answering: Answering::default(),
            calm: CancellationToken::new(),
            faults,
            failing,
        };
        let place = |(number, part)| Place { part, number, process: None, wait: 0, halted: false, lives: 0 };
        let places = PLACES.into_iter().enumerate().map(place).collect();
        Self { seed, world, chance, places, acknowledged: Acknowledged::default() }
    }

    async fn run(mut self) -> String {
        self.prepare().await;
        let mut checker = Checker::new(self.world.folder.path());
        for _ in 0..PATIENCE {
            if checker.is_known() {
                break;
            }
            for process in self.places.iter().filter_map(|place| place.process.as_ref()) {
                // One that halted by itself would stand still until the trouble begins.
                process.simulation.go_on();
            }
            self.step().await;
        }
        assert!(checker.is_known(), "the listeners did not say that they are there");
        for _ in 0..TROUBLE {
            self.trouble(&checker).await;
            self.step().await;
            checker.look();
        }
        self.calm().await;
        for _ in 0..PATIENCE {
            self.step().await;
            checker.look();
            if checker.is_done() && self.all_seen(checker.head()) {
                break;
            }
        }
        assert!(checker.is_done(), "not all has arrived: {}", checker.state());
        let head = checker.head();
        let told = checker.settle(&self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner));
        for place in self.places.iter().filter(|place| place.part == Part::Listens) {
            let seen = place.process.as_ref().unwrap().sight.all();
            checker.check_sight(&seen);
            assert!(seen.last().is_none_or(|last| *last == head), "an observer saw {seen:?} of {head}");
        }
        for process in self.places.iter_mut().filter_map(|place| place.process.take()) {
            self.world.kill(process);
        }
        told
    }

    /// Whether the observers are at the log's end.
    fn all_seen(&self, head: u64) -> bool {
        let processes = self.places.iter().filter_map(|place| place.process.as_ref());
        processes.filter_map(|process| process.sight.all().last().copied()).all(|last| last == head)
    }

    /// The stores are made before anything can go wrong with them.
    async fn prepare(&mut self) {
        let faults = std::mem::take(&mut self.world.faults);
        for place in 0..self.places.len() {
            self.start(place).await;
            assert!(self.places[place].process.is_some(), "a process starts in a healthy world");
        }
        self.world.faults = faults;
        for process in self.places.iter().filter_map(|place| place.process.as_ref()) {
            process.simulation.fail(faults);
        }
    }

    async fn start(&mut self, number: usize) {
        let place = &mut self.places[number];
        place.lives += 1;
        let seed = self.seed.wrapping_mul(1_000_003) + place.lives * 16 + place.number as u64;
        let now = START.plus(Duration::from_hours(1).mul_f64(self.chance.chance()));
        place.process = self.world.start(place.part, place.number, now, seed).await;
        if let (Part::Writes, Some(process)) = (place.part, &place.process) {
            let name = format!("{}.{}", place.number, place.lives);
            let work = keep_writing(name, process, self.world.calm.clone(), Arc::clone(&self.acknowledged));
            tokio::spawn(process.simulation.task(work));
        }
    }

    /// Time passes, on every clock.
    async fn step(&mut self) {
        tokio::time::sleep(STEP).await;
        for process in self.places.iter().filter_map(|place| place.process.as_ref()) {
            process.clock.advance(STEP);
        }
    }

    /// What befalls the world in one step.
    async fn trouble(&mut self, checker: &Checker) {
        if self.chance.happens(0.02) {
            let down = self.chance.happens(0.5);
            self.world.bus.set_down(down);
        }
        for number in 0..self.places.len() {
            let fate = self.chance.chance();
            let some_steps = self.chance.number(90) + 1;
            let place = &mut self.places[number];
            place.wait = place.wait.saturating_sub(1);
            let Some(process) = &place.process else {
                if place.wait == 0 {
                    self.start(number).await;
                }
                continue;
            };
            match (process.simulation.is_halted(), place.halted) {
                // It halted by itself.
                (true, false) => (place.halted, place.wait) = (true, some_steps),
                (true, true) if place.wait == 0 => {
                    process.simulation.go_on();
                    place.halted = false;
                }
                _ => {}
            }
            match fate {
                0.0..0.005 => {
                    tracing::info!(number, "killed");
                    (place.halted, place.wait) = (false, some_steps / 2);
                    let process = place.process.take().unwrap();
                    checker.check_sight(&self.world.kill(process).all());
                }
                0.005..0.01 => process.simulation.halt(),
                0.01..0.02 => process.clock.set(START.plus(LONGEST_JUMP.mul_f64(self.chance.chance()))),
                0.02..0.06 if place.part == Part::Writes => process.context.wake("trim-events"),
                _ => {}
            }
        }
    }

    /// Everything works from now on.
    async fn calm(&mut self) {
        self.world.calm.cancel();
        self.world.faults = StoreFaults::default();
        self.world.bus.set_down(false);
        self.world.bus.calm();
        for process in self.places.iter().filter_map(|place| place.process.as_ref()) {
            process.simulation.fail(StoreFaults::default());
            process.simulation.go_on();
        }
        for number in 0..self.places.len() {
            if self.places[number].process.is_none() {
                self.start(number).await;
            }
        }
    }
}

/// Publishes until all is calm, and notes what was acknowledged.
fn keep_writing(
    name: String,
    process: &Process,
    calm: CancellationToken,
    acknowledged: Acknowledged,
) -> impl Future<Output = ()> + use<> {
    let (context, chance) = (process.context.clone(), Arc::clone(&process.simulation));
    async move {
        let mut number = 0_u64;
        while !calm.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(800).mul_f64(chance.chance())).await;
            let mut events = Vec::new();
            while events.is_empty() || chance.happens(0.4) {
                number += 1;
                let key = if chance.happens(0.3) { "a" } else { "b" };
                events.push(Noted { key: key.to_owned(), text: format!("{name}/{number}") });
            }
            if write(&context, &events).await.is_ok() {
                acknowledged.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
            }
        }
    }
}
