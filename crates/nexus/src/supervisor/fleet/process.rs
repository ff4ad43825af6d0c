//! One process, from its order to its end.

use std::time::Duration;

use crate::supervisor::Moment;

/// How long a process may say nothing before it can serve; one that brings a large store up to date says that it lives.
const START: Duration = Duration::from_mins(2);
/// How long a ready process may say nothing before it counts as hung.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a process may take to end after it was asked to: its requests have 20 s, its jobs another 20 s.
const DRAIN: Duration = Duration::from_secs(45);

/// Tells a process from every other that this supervisor ever started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProcessId(pub(crate) u64);

/// How far a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is to be started.
    Ordered,
    /// It runs and does not serve yet.
    Starting,
    /// It serves, and others know it.
    Ready {
        /// Since when.
        since: Moment,
    },
    /// Others are told that it is no longer there; it still serves.
    Leaving {
        /// Since when.
        since: Moment,
    },
    /// It was asked to end what it does, and to end.
    Draining {
        /// Since when.
        since: Moment,
    },
    /// It was killed and its end is not known yet.
    Killed,
}

/// A process.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    pub(crate) phase: Phase,
    /// When it was started.
    pub(crate) started: Moment,
    /// Where it serves.
    pub(super) url: Option<String>,
    /// When it last reported.
    pub(super) heard: Moment,
    /// The newest table that it knows; `None` while it is not connected.
    pub(super) seen: Option<u64>,
}

impl Process {
    pub(super) fn ordered(id: ProcessId, now: Moment) -> Self {
        Self { id, phase: Phase::Ordered, started: now, url: None, heard: now, seen: None }
    }

    /// Where others find it.
    pub(super) fn address(&self) -> Option<&str> {
        self.url.as_deref().filter(|_| matches!(self.phase, Phase::Ready { .. }))
    }

    /// Whether it has been ready for so long that what happened before it is forgiven.
    pub(super) fn was_ready_for(&self, least: Duration, now: Moment) -> bool {
        matches!(self.phase, Phase::Ready { since } if now.saturating_sub(since) >= least)
    }

    /// Sends it on its way out: first the others learn that it is no longer there.
    pub(super) fn retire(&mut self, now: Moment) {
        self.phase = match self.phase {
            Phase::Ordered | Phase::Starting | Phase::Ready { .. } => Phase::Leaving { since: now },
            already => already,
        };
    }

    /// Whether it has had its time for what it does now.
    pub(super) fn is_overdue(&self, now: Moment) -> bool {
        match self.phase {
            Phase::Starting => now.saturating_sub(self.heard) > START,
            Phase::Ready { .. } => now.saturating_sub(self.heard) > SILENCE,
            Phase::Draining { since } => now.saturating_sub(since) > DRAIN,
            Phase::Ordered | Phase::Leaving { .. } | Phase::Killed => false,
        }
    }
}
