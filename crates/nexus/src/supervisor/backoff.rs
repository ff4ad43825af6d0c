//! How long a process that died waits for its successor, and when there is no use in hurrying any more.

use std::time::Duration;

/// The wait after the second failure in a row; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(200);
/// The wait never grows beyond this.
const LONGEST: Duration = Duration::from_mins(1);
/// After so many failures in a row the process is in a crash loop: it is still tried, at the longest intervals, because what it
/// needs (a database, a disk with room) may come back without anybody telling us.
const HOPELESS: u32 = 5;

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it again after this time.
    Again(Duration),
    /// It is in a crash loop; look after this time whether that has changed.
    CrashLoop(Duration),
}

/// After so many failures in a row, with a chance from 0 to 1 that spreads those who fail together.
pub(crate) fn verdict(failures: u32, chance: f64) -> Verdict {
    match failures {
        // A process that was well until now deserves no wait: its requests wait for it.
        0 | 1 => Verdict::Again(Duration::ZERO),
        few if few < HOPELESS => Verdict::Again(spread((FIRST * 2_u32.pow(few - 2)).min(LONGEST), chance)),
        _ => Verdict::CrashLoop(spread(LONGEST, chance)),
    }
}

/// Between a half of it and the whole.
fn spread(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wait(verdict: Verdict) -> Duration {
        match verdict {
            Verdict::Again(wait) | Verdict::CrashLoop(wait) => wait,
        }
    }

    #[test]
    fn the_first_failure_waits_for_nothing_and_the_fifth_is_a_crash_loop() {
        assert_eq!(verdict(1, 1.0), Verdict::Again(Duration::ZERO));
        assert_eq!(verdict(2, 1.0), Verdict::Again(FIRST));
        assert_eq!(verdict(4, 1.0), Verdict::Again(FIRST * 4));
        assert_eq!(verdict(5, 0.0), Verdict::CrashLoop(LONGEST / 2));
    }

    proptest! {
        #[test]
        fn the_wait_never_shrinks_with_the_failures_and_stays_in_its_bounds(failures in 0_u32..1_000, chance in 0.0_f64..1.0) {
            prop_assert!(wait(verdict(failures, chance)) <= wait(verdict(failures + 1, chance)));
            prop_assert!(wait(verdict(failures, chance)) <= LONGEST);
        }
    }
}
