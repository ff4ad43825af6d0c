//! The processes of one service.

use std::time::Duration;

use super::process::{Phase, Process, ProcessId};
use crate::supervisor::Moment;
use crate::supervisor::backoff::{Verdict, verdict};

/// A process that served for so long was well; what failed before is forgotten.
const STABLE: Duration = Duration::from_secs(10);

/// Why a place has no process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// The next one is started then.
    Until(Moment),
    /// The last ones died one after the other; it is tried again then.
    CrashLoop(Moment),
    /// The next one is started when this one has ended.
    After(ProcessId),
}

/// A place for one process of a service.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) number: usize,
    pub(crate) running: Option<Process>,
    /// Takes over when it is ready.
    pub(crate) successor: Option<Process>,
    /// What an empty place waits for.
    pub(crate) rest: Rest,
    /// In a row.
    failures: u32,
    /// Altogether.
    pub(crate) restarts: u32,
}

impl Slot {
    fn new(number: usize, now: Moment) -> Self {
        Self { number, running: None, successor: None, rest: Rest::Until(now), failures: 0, restarts: 0 }
    }

    fn processes_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.running.iter_mut().chain(self.successor.iter_mut())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_none() && self.successor.is_none()
    }

    /// Whether it is time for an empty place's next process.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.is_empty() && matches!(self.rest, Rest::Until(moment) | Rest::CrashLoop(moment) if moment <= now)
    }

    /// Whether it serves.
    pub(crate) fn is_ready(&self) -> bool {
        self.running.as_ref().is_some_and(|process| process.address().is_some())
    }

    /// Whether its processes die one after the other.
    pub(crate) fn is_crash_looping(&self) -> bool {
        self.is_empty() && matches!(self.rest, Rest::CrashLoop(_))
    }
}

/// The processes of one service.
#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) service: String,
    pub(crate) slots: Vec<Slot>,
    /// Those that are on their way out, with the numbers of their places.
    pub(crate) leavers: Vec<(usize, Process)>,
}

/// What the end of a process meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was on its way out.
    Expected,
    /// It should have taken over from another, which stays.
    SuccessorFailed,
    /// It died.
    Died,
}

impl Crew {
    pub(super) fn new(service: String, slots: usize, now: Moment) -> Self {
        let slots = (1..=slots).map(|number| Slot::new(number, now)).collect();
        Self { service, slots, leavers: Vec::new() }
    }

    pub(super) fn processes_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.slots.iter_mut().flat_map(Slot::processes_mut).chain(self.leavers.iter_mut().map(|(_, process)| process))
    }

    pub(super) fn processes(&self) -> impl Iterator<Item = (usize, &Process)> {
        let placed = self
            .slots
            .iter()
            .flat_map(|slot| slot.running.iter().chain(&slot.successor).map(move |process| (slot.number, process)));
        placed.chain(self.leavers.iter().map(|(number, process)| (*number, process)))
    }

    pub(super) fn is_gone(&self) -> bool {
        self.leavers.is_empty() && self.slots.iter().all(Slot::is_empty)
    }

    pub(super) fn slot_mut(&mut self, number: usize) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.number == number)
    }

    /// Sends the processes of a place on their way out; the id of the one that served.
    pub(super) fn retire(&mut self, number: usize, now: Moment) -> Option<ProcessId> {
        let slot = self.slots.iter_mut().find(|slot| slot.number == number)?;
        let running = slot.running.take();
        let id = running.as_ref().map(|process| process.id);
        for mut process in running.into_iter().chain(slot.successor.take()) {
            process.retire(now);
            self.leavers.push((number, process));
        }
        id
    }

    /// Has this many places from now on.
    pub(super) fn resize(&mut self, slots: usize, now: Moment) {
        while self.slots.len() > slots {
            let number = self.slots.len();
            self.retire(number, now);
            self.slots.pop();
        }
        for number in self.slots.len() + 1..=slots {
            self.slots.push(Slot::new(number, now));
        }
    }

    /// Ends the processes and starts new ones in their places.
    pub(super) fn restart(&mut self, now: Moment) {
        for index in 0..self.slots.len() {
            let running = self.retire(self.slots[index].number, now);
            let slot = &mut self.slots[index];
            slot.failures = 0;
            slot.rest = running.map_or(Rest::Until(now), Rest::After);
        }
    }

    /// Starts at once what waits.
    pub(super) fn hurry(&mut self, number: usize, now: Moment) {
        if let Some(slot) = self.slot_mut(number).filter(|slot| slot.is_empty()) {
            slot.failures = 0;
            if !matches!(slot.rest, Rest::After(_)) {
                slot.rest = Rest::Until(now);
            }
        }
    }

    /// A successor is ready: it takes the place, and the one that had it is on its way out.
    pub(super) fn take_over(&mut self, id: ProcessId, now: Moment) -> Option<ProcessId> {
        let slot = self.slots.iter_mut().find(|slot| slot.successor.as_ref().is_some_and(|next| next.id == id))?;
        let successor = slot.successor.take()?;
        let mut former = slot.running.replace(successor)?;
        let former_id = former.id;
        former.retire(now);
        self.leavers.push((slot.number, former));
        Some(former_id)
    }

    /// Takes note of a process's end; `None` when it is not one of these.
    pub(super) fn ended(&mut self, id: ProcessId, now: Moment, chance: f64) -> Option<End> {
        if let Some(index) = self.leavers.iter().position(|(_, process)| process.id == id) {
            self.leavers.remove(index);
            for slot in self.slots.iter_mut().filter(|slot| slot.rest == Rest::After(id)) {
                slot.rest = Rest::Until(now);
            }
            return Some(End::Expected);
        }
        let is = |process: &Option<Process>| process.as_ref().is_some_and(|process| process.id == id);
        let slot = self.slots.iter_mut().find(|slot| is(&slot.running) || is(&slot.successor))?;
        if is(&slot.successor) {
            slot.successor = None;
            return Some(End::SuccessorFailed);
        }
        let died = slot.running.take()?;
        slot.restarts += 1;
        slot.failures = if died.was_ready_for(STABLE, now) { 1 } else { slot.failures + 1 };
        if let Some(successor) = slot.successor.take() {
            slot.running = Some(successor);
            return Some(End::Died);
        }
        slot.rest = match verdict(slot.failures, chance) {
            Verdict::Again(wait) => Rest::Until(now + wait),
            Verdict::CrashLoop(wait) => Rest::CrashLoop(now + wait),
        };
        Some(End::Died)
    }

    /// How many serve.
    pub(crate) fn ready(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_ready()).count()
    }

    /// Whether a process is on its way out and still serves.
    pub(super) fn leaving_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.leavers
            .iter_mut()
            .map(|(_, process)| process)
            .filter(|process| matches!(process.phase, Phase::Leaving { .. }))
    }
}
