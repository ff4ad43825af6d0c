//! One fault after another, each again and again while clients write, and the reckoning after each.

use std::path::Path;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::checker::check;
use crate::fault::Fault;
use crate::system::{Kind, System};
use crate::table::{Line, Table};

/// The longest that a request under way when its process died is taken for alive.
const IN_USE: Duration = Duration::from_secs(75);

/// How often each fault happens.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    kills: usize,
    others: usize,
    /// Those that take longest.
    slow: usize,
    /// Whether requests whose outcome is not known are repeated until it is.
    patient: bool,
}

impl Form {
    /// A short form, or with `FAULTS_KILLS` a long one with so many kills.
    pub fn from_environment() -> Self {
        match std::env::var("FAULTS_KILLS") {
            Err(_) => Self { kills: 8, others: 2, slow: 1, patient: false },
            Ok(text) => {
                let kills: usize = text.parse().expect("FAULTS_KILLS is a number");
                let others = (kills / 10).max(2);
                Self { kills, others, slow: (others / 2).max(1), patient: true }
            }
        }
    }

    fn repetitions(self, fault: Fault) -> usize {
        match fault {
            Fault::Kill => self.kills,
            Fault::Pause | Fault::CutOff | Fault::Partition => self.slow,
            _ => self.others,
        }
    }
}

/// A system, what happened to it, and what comes next by chance.
#[derive(Debug)]
pub struct Suite {
    /// The system.
    pub system: System,
    form: Form,
    seed: u64,
    chance: StdRng,
    table: Table,
    /// How many acts of leaders there were at the last reckoning.
    acts: usize,
}

impl Suite {
    /// Starts a system. `FAULTS_SEED` makes chance what it was in an earlier run.
    #[expect(clippy::print_stdout, reason = "the suite's result, which `make faults` shows")]
    pub async fn start(kind: Kind, victim: &Path) -> Self {
        let seed = match std::env::var("FAULTS_SEED") {
            Ok(text) => text.parse().expect("FAULTS_SEED is a number"),
            Err(_) => rand::rng().random(),
        };
        println!("{}: FAULTS_SEED={seed}", kind.title());
        let system = System::start(kind, victim).await;
        let table = Table { title: kind.title().to_owned(), lines: Vec::new() };
        Self { system, form: Form::from_environment(), seed, chance: StdRng::seed_from_u64(seed), table, acts: 0 }
    }

    /// Lets a fault happen as often as the form says, and checks.
    ///
    /// # Panics
    /// When something was lost, happened twice, or was done by a leader that was none.
    #[expect(clippy::print_stdout, reason = "the suite's result, which `make faults` shows")]
    pub async fn suffer(&mut self, fault: Fault) {
        let line = match fault.is_possible(&self.system) {
            Ok(()) => self.repeat(fault).await,
            Err(reason) => Line::skipped(fault.name(), reason),
        };
        print!("{line}");
        self.table.lines.push(line);
    }

    #[expect(clippy::print_stdout, reason = "the suite's result, which `make faults` shows")]
    async fn repeat(&mut self, fault: Fault) -> Line {
        let load = self.system.load.clone();
        let before = Count::of(&self.system);
        let running = load.start();
        let mut recoveries = Vec::new();
        for _ in 0..self.form.repetitions(fault) {
            // So that it hits while clients write, and not always at the same moment.
            load.more(self.chance.random_range(1..50)).await;
            let ended = fault.strike(&mut self.system, &mut self.chance).await;
            recoveries.push(load.recovery(ended).await);
        }
        running.stop().await;
        load.settle(if self.form.patient { IN_USE } else { Duration::ZERO }).await;
        let after = Count::of(&self.system);
        let verdict = check(&load).await;
        let line = Line {
            fault: fault.name().to_owned(),
            repetitions: recoveries.len(),
            requests: after.requests - before.requests,
            errors: after.errors - before.errors,
            lost: verdict.lost.len(),
            duplicated: verdict.duplicated.len(),
            acts: verdict.acts - self.acts,
            recoveries,
            skipped: None,
        };
        self.acts = verdict.acts;
        if line.lost + line.duplicated + verdict.usurped.len() > 0 {
            print!("{line}");
        }
        verdict.must_be_good(fault.name(), self.seed);
        line
    }

    /// Prints everything.
    #[expect(clippy::print_stdout, reason = "the suite's result, which `make faults` shows")]
    pub fn finish(self) {
        print!("{}", self.table);
    }
}

struct Count {
    requests: usize,
    errors: usize,
}

impl Count {
    fn of(system: &System) -> Self {
        let log = system.load.log();
        Self { requests: log.requests, errors: log.errors }
    }
}
