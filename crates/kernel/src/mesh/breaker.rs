//! A circuit breaker: an instance that fails again and again is left alone for a while, then tried with care.

use std::time::Duration;

use crate::config::MeshConfig;
use crate::time::Timestamp;

/// When a breaker opens and closes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    failures: u32,
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
}

impl Breaker {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, state: State::Closed { failures: 0 } }
    }

    /// Whether [`Breaker::admit`] would let a call pass; else how long it will not.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Duration> {
        match self.state {
            State::Closed { .. } | State::HalfOpen { trying: false, .. } => None,
            State::Open { until } if now >= until => None,
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
        let open = State::Open { until: now.plus(self.settings.open_for) };
        self.state = match (self.state, verdict) {
            (State::Closed { .. }, Verdict::Success) => State::Closed { failures: 0 },
            (State::Closed { failures }, Verdict::Failure) if failures + 1 >= self.settings.failures => open,
            (State::Closed { failures }, Verdict::Failure) => State::Closed { failures: failures + 1 },
            (State::HalfOpen { successes, .. }, Verdict::Success) if admission.trial => {
                if successes + 1 >= self.settings.successes {
                    State::Closed { failures: 0 }
                } else {
                    State::HalfOpen { successes: successes + 1, trying: false }
                }
            }
            (State::HalfOpen { .. }, Verdict::Failure) if admission.trial => open,
            (State::HalfOpen { successes, .. }, Verdict::Nothing) if admission.trial => {
                State::HalfOpen { successes, trying: false }
            }
            (unchanged, _) => unchanged,
        };
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
        assert_eq!(breaker.wait(START), Some(Duration::from_secs(30)));
    }

    #[test]
    fn after_its_time_it_lets_one_call_try_at_once() {
        let mut breaker = opened();
        let later = START.plus(Duration::from_secs(30));
        assert!(breaker.admit(START.plus(Duration::from_secs(29))).is_none());
        let trial = breaker.admit(later).unwrap();
        assert!(breaker.admit(later).is_none());
        breaker.record(trial, Verdict::Success, later);
        assert!(breaker.admit(later).is_some());
    }

    #[test]
    fn it_closes_after_enough_successes_and_opens_again_at_one_failure() {
        let later = START.plus(Duration::from_secs(30));
        let mut breaker = opened();
        assert!(call(&mut breaker, Verdict::Success, later) && call(&mut breaker, Verdict::Success, later));
        assert!(breaker.admit(later).is_some() && breaker.admit(later).is_some(), "closed: many calls pass at once");

        let mut breaker = opened();
        assert!(call(&mut breaker, Verdict::Success, later) && call(&mut breaker, Verdict::Failure, later));
        assert_eq!(breaker.wait(later), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_trial_that_is_given_up_lets_the_next_one_try() {
        let later = START.plus(Duration::from_secs(30));
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
        let later = START.plus(Duration::from_secs(30));
        let trial = breaker.admit(later).unwrap();
        breaker.record(old, Verdict::Failure, later);
        breaker.record(trial, Verdict::Success, later);
        assert!(breaker.admit(later).is_some());
    }
}
