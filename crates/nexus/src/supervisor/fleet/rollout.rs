//! A rolling reload: one place after the other gets a new process, and keeps its old one until the new one serves.

use std::collections::VecDeque;

use super::process::ProcessId;

/// A place of a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) service: String,
    pub(crate) slot: usize,
}

/// A reload, or none.
#[derive(Debug, Default)]
pub(super) struct Rollout {
    running: bool,
    waiting: VecDeque<Place>,
    /// The place whose new process is starting.
    current: Option<(Place, ProcessId)>,
}

impl Rollout {
    pub(super) fn begin(&mut self, places: Vec<Place>) {
        *self = Self { running: true, waiting: places.into(), current: None };
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    /// Ends it when no place is left; whether that was so.
    pub(super) fn finish(&mut self) -> bool {
        let finished = self.running && self.current.is_none() && self.waiting.is_empty();
        self.running &= !finished;
        finished
    }

    pub(super) fn current(&self) -> Option<&(Place, ProcessId)> {
        self.current.as_ref()
    }

    /// The next place, when the one before is done.
    pub(super) fn next(&mut self) -> Option<Place> {
        if self.current.is_some() { None } else { self.waiting.pop_front() }
    }

    pub(super) fn start(&mut self, place: Place, process: ProcessId) {
        self.current = Some((place, process));
    }

    /// Its new process serves, or its place is gone.
    pub(super) fn step_done(&mut self) {
        self.current = None;
    }

    /// What is not renewed yet stays as it is.
    pub(super) fn abandon(&mut self) {
        *self = Self::default();
    }
}
