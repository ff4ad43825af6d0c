//! A circuit breaker: an instance that fails again and again is left alone for a while, then tried with care.
//!
//! The first while is short, and each trial that fails doubles it: what all instances need may have been gone for a moment, as
//! a database that starts again, and then nobody should stay away for much longer than it was gone.

use std::time::Duration;

use crate::config::MeshConfig;
use crate::time::Timestamp;

/// How long a breaker is open at first.
const FIRST: Duration = Duration::from_secs(1);

/// When a breaker opens and closes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    failures: u32,
    /// The longest that it is open until a call may try.
    open_for: Duration,
    successes: u32,
}

impl From<&MeshConfig> for Settings {
    fn from(config: &MeshConfig) -> Self {
        Self {
            failures: config.breaker_failures.max(1),
            open_for: Duration::from_secs(config.breaker_open_seconds),
            successes: config.breaker_successes.max(1),
        }
    }
}

/// The life of a breaker. Only [`Breaker::admit`] and [`Breaker::record`] move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calls pass; so many failed in a row.
    Closed { failures: u32 },
    /// No call passes before this instant.
    Open { until: Timestamp },
    /// One call at a time passes; so many succeeded in a row.
    HalfOpen { successes: u32, trying: bool },
}

/// What a call that a breaker admitted tells about the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It works.
    Success,
    /// It does not.
    Failure,
    /// Nothing: the call was given up, or its answer does not speak of the instance's health.
    Nothing,
}

/// A call that may be made. `trial` marks the one call of a half-open breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admission {
    trial: bool,
}

#[derive(Debug)]
pub(super) struct Breaker {
    settings: Settings,
    state: State,
    /// How long it was open, or is, since it was closed.
    open_for: Duration,
}

impl Breaker {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, state: State::Closed { failures: 0 }, open_for: Duration::ZERO }
    }

    /// Whether [`Breaker::admit`] would let a call pass; else how long it will not.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Duration> {
        match self.state {
            State::Closed { .. } | State::HalfOpen { trying: false, .. } => None,
            // Further ahead than it was opened for: the clock was set back meanwhile.
            State::Open { until } if now >= until || until.since(now) > self.open_for => None,
            State::Open { until } => Some(until.since(now)),
            State::HalfOpen { trying: true, .. } => Some(Duration::ZERO),
        }
    }

    /// Lets a call pass, or not.
    pub(super) fn admit(&mut self, now: Timestamp) -> Option<Admission> {
        if self.wait(now).is_some() {
            return None;
        }
        let successes = match self.state {
            State::Closed { .. } => return Some(Admission { trial: false }),
            State::Open { .. } => 0,
            State::HalfOpen { successes, .. } => successes,
        };
        self.state = State::HalfOpen { successes, trying: true };
        Some(Admission { trial: true })
    }

    /// Takes in how an admitted call ended. Calls from before the breaker opened change nothing when they end later.
    pub(super) fn record(&mut self, admission: Admission, verdict: Verdict, now: Timestamp) {
        self.state = match (self.state, verdict) {
            (State::Closed { .. }, Verdict::Success) => State::Closed { failures: 0 },
            (State::Closed { failures }, Verdict::Failure) if failures + 1 >= self.settings.failures => self.open(now),
            (State::Closed { failures }, Verdict::Failure) => State::Closed { failures: failures + 1 },
            (State::HalfOpen { successes, .. }, Verdict::Success) if admission.trial => {
                if successes + 1 >= self.settings.successes {
                    self.open_for = Duration::ZERO;
                    State::Closed { failures: 0 }
                } else {
                    State::HalfOpen { successes: successes + 1, trying: false }
                }
            }
            (State::HalfOpen { .. }, Verdict::Failure) if admission.trial => self.open(now),
            (State::HalfOpen { successes, .. }, Verdict::Nothing) if admission.trial => {
                State::HalfOpen { successes, trying: false }
            }
            (unchanged, _) => unchanged,
        };
    }

    fn open(&mut self, now: Timestamp) -> State {
        self.open_for = (self.open_for * 2).max(FIRST).min(self.settings.open_for);
        State::Open { until: now.plus(self.open_for) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings { failures: 3, open_for: Duration::from_secs(30), successes: 2 };
    const START: Timestamp = Timestamp::from_micros(0);

    fn call(breaker: &mut Breaker, verdict: Verdict, now: Timestamp) -> bool {
        let Some(admission) = breaker.admit(now) else { return false };
        breaker.record(admission, verdict, now);
        true
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(SETTINGS);
        for _ in 0..3 {
            assert!(call(&mut breaker, Verdict::Failure, START));
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_after_as_many_with_a_success_between() {
        let mut breaker = Breaker::new(SETTINGS);
        for verdict in [Verdict::Failure, Verdict::Failure, Verdict::Success, Verdict::Failure, Verdict::Failure] {
            assert!(call(&mut breaker, verdict, START));
        }
        assert!(call(&mut breaker, Verdict::Failure, START));
        assert!(!call(&mut breaker, Verdict::Success, START));
        assert_eq!(breaker.wait(START), Some(FIRST));
    }

    #[test]
    fn after_its_time_it_lets_one_call_try_at_once() {
        let mut breaker = opened();
        let later = START.plus(FIRST);
        assert!(breaker.admit(START.plus(FIRST / 2)).is_none());
        let trial = breaker.admit(later).unwrap();
        assert!(breaker.admit(later).is_none());
        breaker.record(trial, Verdict::Success, later);
        assert!(breaker.admit(later).is_some());
    }

    #[test]
    fn it_closes_after_enough_successes_and_opens_again_at_one_failure() {
        let later = START.plus(FIRST);
        let mut breaker = opened();
        assert!(call(&mut breaker, Verdict::Success, later) && call(&mut breaker, Verdict::Success, later));
        assert!(breaker.admit(later).is_some() && breaker.admit(later).is_some(), "closed: many calls pass at once");

        let mut breaker = opened();
        assert!(call(&mut breaker, Verdict::Success, later) && call(&mut breaker, Verdict::Failure, later));
        assert!(breaker.admit(later).is_none());
    }

    #[test]
    fn each_trial_that_fails_doubles_its_time_up_to_the_longest_until_it_closes() {
        let mut breaker = opened();
        let mut now = START;
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(breaker.wait(now), Some(Duration::from_secs(seconds)));
            now = now.plus(Duration::from_secs(seconds));
            assert!(call(&mut breaker, Verdict::Failure, now));
        }
        now = now.plus(Duration::from_secs(30));
        assert!(call(&mut breaker, Verdict::Success, now) && call(&mut breaker, Verdict::Success, now));
        for _ in 0..3 {
            assert!(call(&mut breaker, Verdict::Failure, now));
        }
        assert_eq!(breaker.wait(now), Some(FIRST));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let mut breaker = opened();
        assert!(breaker.admit(START.minus(Duration::from_hours(1))).is_some());
    }

    #[test]
    fn a_trial_that_is_given_up_lets_the_next_one_try() {
        let later = START.plus(FIRST);
        let mut breaker = opened();
        assert!(call(&mut breaker, Verdict::Nothing, later));
        assert!(call(&mut breaker, Verdict::Success, later));
    }

    #[test]
    fn calls_from_before_it_opened_change_nothing() {
        let mut breaker = Breaker::new(SETTINGS);
        let old = breaker.admit(START).unwrap();
        for _ in 0..3 {
            call(&mut breaker, Verdict::Failure, START);
        }
        breaker.record(old, Verdict::Success, START);
        assert!(breaker.admit(START).is_none());
        let later = START.plus(FIRST);
        let trial = breaker.admit(later).unwrap();
        breaker.record(old, Verdict::Failure, later);
        breaker.record(trial, Verdict::Success, later);
        assert!(breaker.admit(later).is_some());
    }
}
