//! Which processes there are, which there should be, and what is to be done about the difference.
//!
//! Everything here is a function of what happened and when: no process, clock or socket is touched. What happens changes the
//! state; [`Fleet::settle`] compares it with what should be and says what to do. A process leaves in three steps, so that no
//! request meets it too late: the others are told, they say that they know, and only then is it asked to end.

mod crew;
mod process;
mod rollout;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use crew::{Crew, Rest, Slot};
pub(crate) use process::{Phase, Process, ProcessId};
pub(crate) use rollout::Place;

use super::Moment;
use crew::End;
use rollout::Rollout;

/// How long the others may take to say that they know a new table; one that hangs must not keep the rest.
const NOTICE: Duration = Duration::from_secs(2);

/// Where the instances of each service are.
pub(crate) type Addresses = BTreeMap<String, Vec<String>>;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a process.
    Spawn {
        /// Where it belongs.
        place: Place,
        /// Its name from now on.
        process: ProcessId,
    },
    /// Ask a process to end what it does, and to end.
    Stop(ProcessId),
    /// End a process at once.
    Kill(ProcessId),
    /// Tell all processes where the instances are.
    Publish {
        /// Grows with each.
        version: u64,
        /// Where they are.
        addresses: Addresses,
    },
    /// Tell who asked how far the reload is.
    Reload(Progress),
}

/// How far a reload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A place has its new process.
    Renewed(Place),
    /// A new process died before it could serve: the places that are not renewed keep their old ones.
    Failed(Place),
    /// All places are renewed.
    Done,
}

/// All processes.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// In the order in which they are reloaded; the gateway is the last, and the first to stop.
    crews: Vec<Crew>,
    rollout: Rollout,
    progress: Vec<Progress>,
    published: Option<Addresses>,
    version: u64,
    next: u64,
    stopping: bool,
}

impl Fleet {
    /// These services with so many places each; the last one is the gateway. Nothing runs yet.
    pub(crate) fn new(services: impl IntoIterator<Item = (String, usize)>, now: Moment) -> Self {
        let crews = services.into_iter().map(|(service, slots)| Crew::new(service, slots, now)).collect();
        Self {
            crews,
            rollout: Rollout::default(),
            progress: Vec::new(),
            published: None,
            version: 0,
            next: 0,
            stopping: false,
        }
    }

    /// The processes by service.
    pub(crate) fn crews(&self) -> &[Crew] {
        &self.crews
    }

    /// One service's.
    pub(crate) fn crew(&self, service: &str) -> Option<&Crew> {
        self.crews.iter().find(|crew| crew.service == service)
    }

    fn crew_mut(&mut self, service: &str) -> Option<&mut Crew> {
        self.crews.iter_mut().find(|crew| crew.service == service)
    }

    fn process_mut(&mut self, id: ProcessId) -> Option<&mut Process> {
        self.crews.iter_mut().flat_map(Crew::processes_mut).find(|process| process.id == id)
    }

    /// A process is connected, and will say which tables it knows.
    pub(crate) fn connected(&mut self, id: ProcessId, now: Moment) {
        if let Some(process) = self.process_mut(id) {
            process.seen = Some(0);
            process.heard = now;
        }
    }

    /// A process says which table it knows.
    pub(crate) fn knows(&mut self, id: ProcessId, version: u64) {
        if let Some(process) = self.process_mut(id) {
            process.seen = Some(version);
        }
    }

    /// A process shows that it is well.
    pub(crate) fn heard(&mut self, id: ProcessId, now: Moment) {
        if let Some(process) = self.process_mut(id) {
            process.heard = now;
        }
    }

    /// A process serves.
    pub(crate) fn announced(&mut self, id: ProcessId, url: &str, now: Moment) {
        let Some(process) = self.process_mut(id) else { return };
        process.url = Some(url.to_owned());
        process.heard = now;
        if !matches!(process.phase, Phase::Ordered | Phase::Starting) {
            return;
        }
        process.phase = Phase::Ready { since: now };
        for crew in &mut self.crews {
            crew.take_over(id, now);
        }
        if let Some((place, _)) = self.rollout.current().filter(|(_, process)| *process == id).cloned() {
            self.rollout.step_done();
            self.progress.push(Progress::Renewed(place));
        }
    }

    /// A process no longer serves, by its own wish: somebody else asked it to end.
    pub(crate) fn withdrawn(&mut self, id: ProcessId, now: Moment) {
        if let Some(process) = self.process_mut(id) {
            process.url = None;
            if matches!(process.phase, Phase::Starting | Phase::Ready { .. }) {
                process.phase = Phase::Draining { since: now };
            }
        }
    }

    /// A process has ended, or could not be started. Whether nobody wanted that.
    pub(crate) fn ended(&mut self, id: ProcessId, now: Moment, chance: f64) -> bool {
        let end = self.crews.iter_mut().find_map(|crew| crew.ended(id, now, chance));
        let renewing = self.rollout.current().filter(|(_, process)| *process == id).cloned();
        if let Some((place, _)) = renewing {
            self.rollout.abandon();
            self.progress.push(Progress::Failed(place));
        }
        !self.stopping && matches!(end, Some(End::Died | End::SuccessorFailed))
    }

    /// Starts processes anew, after their predecessors have ended.
    pub(crate) fn restart(&mut self, service: &str, now: Moment) {
        if let Some(crew) = self.crew_mut(service) {
            crew.restart(now);
        }
    }

    /// Sets how many processes a service has.
    pub(crate) fn scale(&mut self, service: &str, slots: usize, now: Moment) {
        if let Some(crew) = self.crew_mut(service) {
            crew.resize(slots, now);
        }
    }

    /// Renews the processes of these services, one after the other; false when another reload is under way.
    pub(crate) fn reload(&mut self, services: &[String]) -> bool {
        if self.rollout.is_running() || self.stopping {
            return false;
        }
        let chosen = self.crews.iter().filter(|crew| services.contains(&crew.service));
        let place = |crew: &Crew, slot: &Slot| Place { service: crew.service.clone(), slot: slot.number };
        let places = chosen.flat_map(|crew| crew.slots.iter().map(|slot| place(crew, slot)).collect::<Vec<_>>());
        self.rollout.begin(places.collect());
        true
    }

    /// Ends everything: the gateway first, then, when nobody asks them any more, the others.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.rollout.abandon();
    }

    /// Whether everything is to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether there is no process any more.
    pub(crate) fn is_over(&self) -> bool {
        self.stopping && self.crews.iter().all(Crew::is_gone)
    }

    /// Whether every place serves.
    pub(crate) fn is_ready(&self) -> bool {
        self.crews.iter().all(|crew| crew.ready() == crew.slots.len())
    }

    /// Compares what is with what should be; call it after everything that happened, and now and then.
    pub(crate) fn settle(&mut self, now: Moment) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.stopping {
            self.retire_in_order(now);
        } else {
            self.fill(now);
            self.advance(now);
        }
        self.publish(&mut actions);
        self.spawn(now, &mut actions);
        self.let_go(now, &mut actions);
        actions.extend(self.progress.drain(..).map(Action::Reload));
        actions
    }

    fn retire_in_order(&mut self, now: Moment) {
        let Some((gateway, others)) = self.crews.split_last_mut() else { return };
        let crews = if gateway.is_gone() { others } else { std::slice::from_mut(gateway) };
        for crew in crews {
            for number in 1..=crew.slots.len() {
                crew.retire(number, now);
            }
        }
    }

    /// Orders processes for empty places.
    fn fill(&mut self, now: Moment) {
        let next = &mut self.next;
        for slot in self.crews.iter_mut().flat_map(|crew| &mut crew.slots).filter(|slot| slot.is_due(now)) {
            slot.running = Some(Process::ordered(new_id(next), now));
        }
    }

    /// Takes the next step of a reload.
    fn advance(&mut self, now: Moment) {
        if let Some((place, process)) = self.rollout.current().cloned() {
            let slot = self.crew_mut(&place.service).and_then(|crew| crew.slot_mut(place.slot));
            let still =
                |slot: &mut Slot| slot.running.iter().chain(&slot.successor).any(|current| current.id == process);
            // It was scaled down or restarted meanwhile.
            if !slot.is_some_and(still) {
                self.rollout.step_done();
            }
        }
        while let Some(place) = self.rollout.next() {
            let id = new_id(&mut self.next);
            let Some(crew) = self.crew_mut(&place.service) else { continue };
            crew.hurry(place.slot, now);
            let Some(slot) = crew.slot_mut(place.slot) else { continue };
            let ordered = Some(Process::ordered(id, now));
            if slot.running.is_some() {
                slot.successor = ordered;
            } else {
                slot.running = ordered;
            }
            self.rollout.start(place, id);
        }
        if self.rollout.finish() {
            self.progress.push(Progress::Done);
        }
    }

    fn publish(&mut self, actions: &mut Vec<Action>) {
        let mut addresses = Addresses::new();
        for crew in &self.crews {
            let urls = crew.processes().filter_map(|(_, process)| process.address().map(str::to_owned)).collect();
            addresses.insert(crew.service.clone(), urls);
        }
        if self.published.as_ref() != Some(&addresses) {
            self.version += 1;
            self.published = Some(addresses.clone());
            actions.push(Action::Publish { version: self.version, addresses });
        }
    }

    fn spawn(&mut self, now: Moment, actions: &mut Vec<Action>) {
        for crew in &mut self.crews {
            let service = crew.service.clone();
            for slot in &mut crew.slots {
                let place = Place { service: service.clone(), slot: slot.number };
                let pair = [slot.running.as_mut(), slot.successor.as_mut()];
                for process in pair.into_iter().flatten().filter(|process| process.phase == Phase::Ordered) {
                    process.phase = Phase::Starting;
                    process.started = now;
                    actions.push(Action::Spawn { place: place.clone(), process: process.id });
                }
            }
        }
    }

    /// Asks those to end that nobody looks for any more, and ends those that had their time.
    fn let_go(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let version = self.version;
        let known = |process: &Process| process.seen.is_none_or(|seen| seen >= version);
        let all_know = self.crews.iter().flat_map(Crew::processes).all(|(_, process)| known(process));
        for process in self.crews.iter_mut().flat_map(Crew::leaving_mut) {
            let noticed = |since| all_know || now.saturating_sub(since) >= NOTICE;
            if matches!(process.phase, Phase::Leaving { since } if noticed(since)) {
                process.phase = Phase::Draining { since: now };
                actions.push(Action::Stop(process.id));
            }
        }
        for process in self.crews.iter_mut().flat_map(Crew::processes_mut).filter(|process| process.is_overdue(now)) {
            process.phase = Phase::Killed;
            actions.push(Action::Kill(process.id));
        }
    }
}

fn new_id(next: &mut u64) -> ProcessId {
    *next += 1;
    ProcessId(*next)
}
