//! The rule that slows guessing down: after a few failures in a row each further one doubles the wait before the next attempt.
//! What the failures are counted for decides whom it slows down: see `attempt`.

use std::time::Duration;

use nexus_kernel::Timestamp;

/// The first wait.
const SHORTEST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait: long enough that guessing leads nowhere, short enough that nobody is shut out of an account for long.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// How much is let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// The failures in a row that begin the first wait.
    failures: u32,
    /// After this long without a failure, those before count no longer.
    memory: Duration,
}

impl Limit {
    /// For one account from one network.
    pub(crate) const PLACE: Self = Self { failures: 5, memory: DAY };
    /// For one account from all networks together: who guesses from many must not have as many tries. Whoever guesses can use
    /// it up; a browser that signed in before, and a mailed link, do not need it.
    pub(crate) const ACCOUNT: Self = Self { failures: 20, memory: DAY };
    /// For one account from one browser that signed in to it before.
    pub(crate) const DEVICE: Self = Self { failures: 5, memory: DAY };
    /// For one network: many people may share it, and forget their passwords.
    pub(crate) const NETWORK: Self = Self { failures: 30, memory: HOUR };
    /// For the accounts that one network fails to enter: nobody has so many, but somebody with a list of stolen passwords.
    pub(crate) const ACCOUNTS_OF_NETWORK: Self = Self { failures: 10, memory: HOUR };
    /// For one person's second factor: whoever tries one knows the first.
    pub(crate) const SECOND_FACTOR: Self = Self { failures: 5, memory: DAY };
    /// For one session that has to prove again whose it is.
    pub(crate) const STEP_UP: Self = Self { failures: 5, memory: HOUR };

    /// After this long without a failure, those before count no longer.
    pub(crate) const fn memory(self) -> Duration {
        self.memory
    }
}

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);

/// No limit remembers failures for longer.
pub(crate) const LONGEST_MEMORY: Duration = DAY;

/// The failures of whatever they are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Failures {
    /// How many, in a row.
    pub(crate) count: u32,
    /// When the last of them was; `None` before the first.
    pub(crate) last: Option<Timestamp>,
}

impl Failures {
    /// One failure more, or how long to wait before the next attempt.
    pub(crate) fn another(self, limit: Limit, now: Timestamp) -> Result<Self, Duration> {
        let past = self.last.map_or(Duration::MAX, |last| now.since(last));
        let count = if past >= limit.memory { 0 } else { self.count };
        let left = wait(count, limit).saturating_sub(past);
        if left > Duration::ZERO {
            return Err(left);
        }
        Ok(Self { count: count.saturating_add(1), last: Some(now) })
    }
}

/// The wait after that many failures.
fn wait(count: u32, limit: Limit) -> Duration {
    match count.checked_sub(limit.failures) {
        Some(beyond) => SHORTEST_WAIT.saturating_mul(1 << beyond.min(16)).min(LONGEST_WAIT),
        None => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    proptest! {
        /// However somebody times the attempts: no more get through than the waits leave room for.
        #[test]
        fn guessing_is_slow_whatever_its_rhythm(pauses in prop::collection::vec(0_u64..400, 1..300)) {
            let mut failures = Failures::default();
            let mut now = START;
            let mut passed = 0_u32;
            for pause in pauses {
                now = now.plus(Duration::from_secs(pause));
                match failures.another(Limit::PLACE, now) {
                    Ok(next) => { passed += 1; failures = next; }
                    Err(left) => prop_assert!(left <= LONGEST_WAIT && left > Duration::ZERO),
                }
                let seconds = u32::try_from(now.since(START).as_secs()).unwrap();
                prop_assert!(passed <= Limit::PLACE.failures + 6 + seconds / 900);
            }
        }

        #[test]
        fn the_wait_grows_up_to_its_limit(count in 0_u32..1_000) {
            prop_assert!(wait(count, Limit::NETWORK) <= wait(count + 1, Limit::NETWORK));
            prop_assert!(wait(count, Limit::NETWORK) <= LONGEST_WAIT);
        }
    }

    #[test]
    fn a_few_failures_cost_nothing_then_each_doubles_the_wait() {
        let mut failures = Failures::default();
        for _ in 0..5 {
            failures = failures.another(Limit::PLACE, START).unwrap();
        }
        assert_eq!(failures.another(Limit::PLACE, START), Err(Duration::from_secs(30)));
        let later = START.plus(Duration::from_secs(30));
        failures = failures.another(Limit::PLACE, later).unwrap();
        assert_eq!(failures.another(Limit::PLACE, later), Err(Duration::from_mins(1)));
    }

    #[test]
    fn failures_are_forgotten_after_a_while() {
        let failures = Failures { count: 900, last: Some(START) };
        let later = START.plus(Limit::PLACE.memory);
        assert_eq!(failures.another(Limit::PLACE, later), Ok(Failures { count: 1, last: Some(later) }));
    }
}
