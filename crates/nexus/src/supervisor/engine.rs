//! Tells the fleet what happens, and does what it says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::TaskTracker;

use super::fleet::{Action, Addresses, Fleet, Place, ProcessId};
use super::launch::Launcher;
use super::logs::Logs;
use super::orders::Orders;
use super::plan::Plan;
use super::protocol::{FromChild, Load, Table, ToChild, line};
use super::scaling::{self, Scaling};
use super::table::Instances;
use super::usage::{Meter, Usage};
use super::{Input, Moment, leftovers, systemd};

/// How often the fleet is looked at when nothing happens.
const TICK: Duration = Duration::from_millis(250);
/// After how many ticks the processes are measured.
const MEASURE: u32 = 4;

/// A process that runs.
pub(super) struct Running {
    pub(super) pid: u32,
    pub(super) place: Place,
    pub(super) load: Load,
    /// `None` before it was measured.
    pub(super) usage: Option<Usage>,
}

/// How a process ended that nobody had asked to.
#[derive(Debug, Clone, Default)]
pub(super) struct End {
    pub(super) how: String,
    pub(super) last_lines: Vec<String>,
}

/// What the engine works with.
pub(super) struct Parts {
    pub(super) plan: Plan,
    pub(super) launcher: Launcher,
    pub(super) logs: Logs,
    pub(super) meter: Meter,
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) sender: mpsc::Sender<Input>,
    /// The newest table, as a line.
    pub(super) table: watch::Sender<Arc<str>>,
    /// The same for this process.
    pub(super) instances: Arc<Instances>,
    /// Is told once, when everything serves.
    pub(super) ready: oneshot::Sender<()>,
    /// Reads the configuration again.
    pub(super) reread: Box<dyn Fn() -> anyhow::Result<Plan> + Send + Sync>,
}

/// Looks after the processes.
pub(super) struct Engine {
    pub(super) fleet: Fleet,
    pub(super) plan: Plan,
    pub(super) running: HashMap<ProcessId, Running>,
    pub(super) ends: HashMap<Place, End>,
    pub(super) orders: Orders,
    pub(super) reread: Box<dyn Fn() -> anyhow::Result<Plan> + Send + Sync>,
    started: Instant,
    launcher: Launcher,
    logs: Logs,
    inputs: mpsc::Receiver<Input>,
    sender: mpsc::Sender<Input>,
    table: watch::Sender<Arc<str>>,
    instances: Arc<Instances>,
    ready: Option<oneshot::Sender<()>>,
    scaling: HashMap<String, Scaling>,
    meter: Meter,
    tasks: TaskTracker,
}

impl Engine {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            fleet: Fleet::new(parts.plan.at_start(), Duration::ZERO),
            plan: parts.plan,
            running: HashMap::new(),
            ends: HashMap::new(),
            orders: Orders::default(),
            reread: parts.reread,
            started: Instant::now(),
            launcher: parts.launcher,
            logs: parts.logs,
            inputs: parts.inputs,
            sender: parts.sender,
            table: parts.table,
            instances: parts.instances,
            ready: Some(parts.ready),
            scaling: HashMap::new(),
            meter: parts.meter,
            tasks: TaskTracker::new(),
        }
    }

    pub(super) fn now(&self) -> Moment {
        self.started.elapsed()
    }

    /// Runs everything until it was asked to stop and has ended; asked again, at once.
    pub(super) async fn run(mut self, mut stop: impl AsyncFnMut()) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = 0_u32;
        loop {
            tokio::select! {
                Some(input) = self.inputs.recv() => self.take(input),
                _ = ticks.tick() => {
                    round = round.wrapping_add(1);
                    if round.is_multiple_of(MEASURE) {
                        self.measure();
                    }
                }
                () = stop() => self.stop(),
            }
            self.settle();
            if self.fleet.is_over() {
                break;
            }
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn stop(&mut self) {
        if self.fleet.is_stopping() {
            for id in self.running.keys().copied().collect::<Vec<_>>() {
                self.signal(id, Signal::SIGKILL);
            }
            return;
        }
        tracing::info!("stopping: running requests and jobs may end; a second signal stops at once");
        systemd::stopping();
        self.fleet.stop();
    }

    fn take(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::Connected { pid, reply } => {
                let ours = self.running.iter().find(|(_, running)| i64::from(running.pid) == i64::from(pid));
                let process = ours.map(|(id, _)| *id);
                if let Some(process) = process {
                    self.fleet.connected(process, now);
                }
                // A process that is gone again needs no reply.
                let _ = reply.send(process);
            }
            Input::Said { process, message } => self.hear(process, message, now),
            Input::Asked { request, replies } => self.order(request, replies),
            Input::Ended { process, how } => self.bury(process, &how, now),
        }
    }

    fn hear(&mut self, process: ProcessId, message: FromChild, now: Moment) {
        match message {
            FromChild::Announce { service, url } => {
                // A process speaks for the service that it was started for, and for no other.
                if self.running.get(&process).is_some_and(|running| running.place.service == service) {
                    self.fleet.announced(process, &url, now);
                }
            }
            FromChild::Withdraw => self.fleet.withdrawn(process, now),
            FromChild::Knows { version } => self.fleet.knows(process, version),
            FromChild::Load(load) => {
                self.fleet.heard(process, now);
                if let Some(running) = self.running.get_mut(&process) {
                    running.load = load;
                }
            }
            FromChild::Listen { .. } | FromChild::Hints(_) => {}
        }
    }

    fn bury(&mut self, process: ProcessId, how: &str, now: Moment) {
        let Some(running) = self.running.remove(&process) else { return };
        let unwanted = self.fleet.ended(process, now, rand::random());
        let log = self.logs.of(&running.place);
        if unwanted {
            let last_lines = log.last_lines();
            self.report_end(&running.place, running.pid, how, last_lines);
        }
        log.note(&format!("process {} ended: {how}", running.pid));
    }

    fn report_end(&mut self, place: &Place, pid: u32, how: &str, last_lines: Vec<String>) {
        let (service, instance) = (&place.service, place.slot);
        let slot = self.fleet.crew(service).and_then(|crew| crew.slots.iter().find(|slot| slot.number == instance));
        if slot.is_some_and(super::fleet::Slot::is_crash_looping) {
            let said = last_lines.last().map_or("", String::as_str);
            tracing::error!(
                service,
                instance,
                how,
                said,
                "a process dies again and again; `nexus logs` has what it says"
            );
        } else {
            tracing::warn!(service, instance, pid, how, "a process died and is started again");
        }
        self.ends.insert(place.clone(), End { how: how.to_owned(), last_lines });
    }

    /// Does what the fleet says, until it says nothing.
    fn settle(&mut self) {
        loop {
            let actions = self.fleet.settle(self.now());
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.act(action);
            }
        }
        self.answer_orders();
        if self.fleet.is_ready()
            && let Some(ready) = self.ready.take()
        {
            // Nobody may be left who waits for it.
            let _ = ready.send(());
            systemd::ready();
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Spawn { place, process } => self.spawn(&place, process),
            Action::Stop(process) => self.signal(process, Signal::SIGTERM),
            Action::Kill(process) => {
                tracing::warn!(
                    pid = self.running.get(&process).map(|running| running.pid),
                    "a process hangs and is killed"
                );
                self.signal(process, Signal::SIGKILL);
            }
            Action::Publish { version, addresses } => self.publish(version, addresses),
            Action::Reload(progress) => self.progress(progress),
        }
    }

    fn spawn(&mut self, place: &Place, process: ProcessId) {
        let log = self.logs.of(place);
        log.turn_the_page();
        match self.launcher.start(place, process, log.clone(), self.sender.clone(), &self.tasks) {
            Ok(pid) => {
                log.note(&format!("process {pid} begins"));
                tracing::debug!(service = place.service, instance = place.slot, pid, "a process begins");
                let running = Running { pid, place: place.clone(), load: Load::default(), usage: None };
                self.running.insert(process, running);
            }
            Err(error) => {
                let how = format!("it can't be started: {error}");
                log.note(&how);
                let now = self.now();
                self.fleet.ended(process, now, rand::random());
                self.report_end(place, 0, &how, Vec::new());
            }
        }
    }

    fn signal(&self, process: ProcessId, signal: Signal) {
        let pid = self.running.get(&process).and_then(|running| i32::try_from(running.pid).ok());
        if let Some(Err(error)) = pid.map(|pid| leftovers::signal(Pid::from_raw(pid), signal)) {
            tracing::error!(%error, "a process could not be told to end");
        }
    }

    fn publish(&mut self, version: u64, addresses: Addresses) {
        self.instances.replace(&addresses);
        let text = line(&ToChild::Table(Table { version, services: addresses }));
        self.table.send_replace(text.into());
        let (serving, places) = self
            .fleet
            .crews()
            .iter()
            .fold((0, 0), |(serving, places), crew| (serving + crew.ready(), places + crew.slots.len()));
        systemd::status(&format!("{serving} of {places} processes serve"));
    }

    /// Looks at what the processes use, and whether a service should have more or fewer.
    fn measure(&mut self) {
        let pids: Vec<u32> = self.running.values().map(|running| running.pid).collect();
        let usage = self.meter.look(&pids);
        for running in self.running.values_mut() {
            running.usage = usage.get(&running.pid).copied();
        }
        if systemd::watchdog().is_some() {
            systemd::alive();
        }
        if !self.fleet.is_stopping() {
            self.scale();
        }
    }

    fn scale(&mut self) {
        let now = self.now();
        let mut decisions = Vec::new();
        for crew in self.fleet.crews() {
            let share = self.plan.share(&crew.service);
            // While some are starting or leaving, what they do says nothing of how many are needed.
            if !share.follows_the_load() || crew.ready() < crew.slots.len() || !crew.leavers.is_empty() {
                continue;
            }
            let of_service = self.running.values().filter(|running| running.place.service == crew.service);
            let load = of_service.fold(scaling::Load::default(), |sum, running| scaling::Load {
                in_flight: sum.in_flight + running.load.in_flight,
                cores: sum.cores + running.usage.map_or(0.0, |usage| usage.cores),
            });
            let scaling = self.scaling.entry(crew.service.clone()).or_default();
            if let Some(wanted) = scaling.decide(now, share.bounds, crew.slots.len(), load) {
                decisions.push((crew.service.clone(), crew.slots.len(), wanted, load));
            }
        }
        for (service, before, wanted, load) in decisions {
            let (in_flight, cores) = (load.in_flight, load.cores);
            tracing::info!(service, before, wanted, in_flight, cores, "the number of instances follows the load");
            self.fleet.scale(&service, wanted, now);
        }
    }
}
