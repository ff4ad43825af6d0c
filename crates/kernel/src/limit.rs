//! Rate limits by the generic cell rate algorithm (ITU-T I.371, annex A): one instant a key says when the key's allowance
//! will be whole again, and that instant moves on with every request that is allowed.

use std::time::Duration;

use crate::time::Timestamp;

/// How much is allowed: a number at once, which grows back at a steady rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    interval: i64,
    burst: u32,
}

/// The slowest rate is one an hour and the largest burst a million: every sum then stays exact in a Lua number (2^53).
const MAX_INTERVAL: f64 = 3_600e6;
const MAX_BURST: u32 = 1_000_000;

impl Quota {
    /// This many a second over time, and `burst` (1 to 1,000,000) at once.
    pub fn per_second(rate: f64, burst: u32) -> Self {
        // Rounded up, so that rounding never allows more than the rate. A rate that is no positive number is the slowest.
        let exact = if rate > 0.0 { (1e6 / rate).ceil() } else { MAX_INTERVAL };
        #[expect(clippy::cast_possible_truncation, reason = "clamped to whole numbers that an i64 holds")]
        let interval = exact.clamp(1.0, MAX_INTERVAL) as i64;
        Self { interval, burst: burst.clamp(1, MAX_BURST) }
    }

    /// This many in a minute, all of them at once if the asker likes.
    pub fn per_minute(number: u32) -> Self {
        Self::per_second(f64::from(number) / 60.0, number)
    }

    /// The most that is allowed at once.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// Microseconds until one more is allowed.
    pub(crate) fn interval(&self) -> i64 {
        self.interval
    }

    /// Microseconds in which an empty allowance becomes whole.
    pub(crate) fn whole(&self) -> i64 {
        self.interval * i64::from(self.burst)
    }
}

/// Whether a request is within its quota, and what to tell the asker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may go on.
    pub allowed: bool,
    /// The most that is allowed at once.
    pub limit: u32,
    /// How many more are allowed now.
    pub remaining: u32,
    /// Until the allowance is whole.
    pub reset_after: Duration,
    /// Until one more is allowed; zero for a request that was allowed.
    pub retry_after: Duration,
}

/// Decides on one request. `whole_at` is when the key's allowance is whole again, `None` for a key never seen; the second
/// value is the same after this request.
pub fn gcra(whole_at: Option<Timestamp>, now: Timestamp, quota: &Quota) -> (Decision, Timestamp) {
    // Later than the whole allowance from now is the instant of a clock that was ahead of ours: of another machine, or of this
    // one before it was set back. Believing it would refuse everybody until then.
    let latest = now.as_micros().saturating_add(quota.whole());
    let before = whole_at.filter(|at| at.as_micros() <= latest).map_or(now, |at| at.max(now));
    let after = Timestamp::from_micros(before.as_micros() + quota.interval);
    let allowed = after.as_micros() - now.as_micros() <= quota.whole();
    let whole_at = if allowed { after } else { before };
    (decision(allowed, whole_at, now, quota), whole_at)
}

/// What to tell about a request whose key's allowance is now whole at `whole_at`.
pub(crate) fn decision(allowed: bool, whole_at: Timestamp, now: Timestamp, quota: &Quota) -> Decision {
    let used = whole_at.as_micros().saturating_sub(now.as_micros()).max(0);
    let free = (quota.whole() - used).max(0);
    let wait = if allowed { 0 } else { (used + quota.interval - quota.whole()).max(0) };
    Decision {
        allowed,
        limit: quota.burst,
        remaining: u32::try_from(free / quota.interval).unwrap_or(u32::MAX),
        reset_after: Duration::from_micros(used.unsigned_abs()),
        retry_after: Duration::from_micros(wait.unsigned_abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Requests at these gaps; each instant with what was decided.
    fn run(quota: &Quota, gaps: &[u64]) -> Vec<(Timestamp, Decision)> {
        let mut now = Timestamp::from_micros(1_700_000_000_000_000);
        let mut whole_at = None;
        let mut decisions = Vec::new();
        for gap in gaps {
            now = now.plus(Duration::from_micros(*gap));
            let (decision, next) = gcra(whole_at, now, quota);
            whole_at = Some(next);
            decisions.push((now, decision));
        }
        decisions
    }

    fn quotas() -> impl Strategy<Value = Quota> {
        (0.01_f64..5_000.0, 1_u32..50).prop_map(|(rate, burst)| Quota::per_second(rate, burst))
    }

    proptest! {
        #[test]
        fn no_window_ever_allows_more_than_the_burst_and_what_grew_back(
            rate in 0.01_f64..5_000.0, burst in 1_u32..50, gaps in prop::collection::vec(0_u64..3_000_000, 1..120),
        ) {
            let decisions = run(&Quota::per_second(rate, burst), &gaps);
            let allowed: Vec<Timestamp> = decisions.iter().filter(|(_, d)| d.allowed).map(|(at, _)| *at).collect();
            for (first, start) in allowed.iter().enumerate() {
                for (last, end) in allowed.iter().enumerate().skip(first) {
                    let most = f64::from(burst) + rate * end.since(*start).as_secs_f64();
                    let count = f64::from(u32::try_from(last - first + 1).unwrap());
                    prop_assert!(count <= most + 1e-6, "{count} of at most {most}");
                }
            }
        }

        #[test]
        fn whoever_waits_as_told_is_allowed_and_not_a_microsecond_earlier(
            quota in quotas(), gaps in prop::collection::vec(0_u64..100_000, 1..80),
        ) {
            let mut whole_at = None;
            let mut now = Timestamp::from_micros(1_700_000_000_000_000);
            for gap in gaps {
                now = now.plus(Duration::from_micros(gap));
                let (decision, next) = gcra(whole_at, now, &quota);
                if decision.allowed {
                    prop_assert_eq!(decision.retry_after, Duration::ZERO);
                } else {
                    prop_assert_eq!(decision.remaining, 0);
                    prop_assert!(decision.retry_after > Duration::ZERO && decision.retry_after <= decision.reset_after);
                    let early = now.plus(decision.retry_after).minus(Duration::from_micros(1));
                    prop_assert!(!gcra(Some(next), early, &quota).0.allowed);
                    prop_assert!(gcra(Some(next), now.plus(decision.retry_after), &quota).0.allowed);
                }
                whole_at = Some(next);
            }
        }

        #[test]
        fn as_many_as_remain_are_allowed_at_once_and_no_more(
            quota in quotas(), gaps in prop::collection::vec(0_u64..1_000_000, 1..40),
        ) {
            let decisions = run(&quota, &gaps);
            let (_, last) = decisions.last().unwrap();
            let mut burst = gaps.clone();
            burst.extend(std::iter::repeat_n(0, last.remaining as usize + 1));
            let after: Vec<bool> = run(&quota, &burst).iter().skip(gaps.len()).map(|(_, d)| d.allowed).collect();
            prop_assert!(after[..after.len() - 1].iter().all(|allowed| *allowed));
            prop_assert!(!after[after.len() - 1]);
        }

        #[test]
        fn after_the_reset_the_allowance_is_whole(
            quota in quotas(), gaps in prop::collection::vec(0_u64..1_000_000, 1..40),
        ) {
            let decisions = run(&quota, &gaps);
            let (_, last) = decisions.last().unwrap();
            let mut more = gaps.clone();
            more.push(u64::try_from(last.reset_after.as_micros()).unwrap());
            prop_assert_eq!(run(&quota, &more).last().unwrap().1.remaining, quota.burst() - 1);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_refuses_nobody() {
        let quota = Quota::per_second(1.0, 2);
        let then = Timestamp::from_micros(1_700_000_000_000_000);
        let (_, whole_at) = gcra(None, then, &quota);
        let (decision, whole_at) = gcra(Some(whole_at), then.minus(Duration::from_hours(1)), &quota);
        assert!(decision.allowed);
        assert_eq!(whole_at, then.minus(Duration::from_hours(1)).plus(Duration::from_secs(1)));
    }

    #[test]
    fn a_quota_is_never_free_of_a_limit_whatever_its_numbers() {
        for quota in [
            Quota::per_second(0.0, 0),
            Quota::per_second(-1.0, 1),
            Quota::per_second(f64::NAN, 1),
            Quota::per_second(f64::INFINITY, 1),
            Quota::per_second(1e-30, u32::MAX),
            Quota::per_minute(0),
        ] {
            assert!(quota.interval() >= 1 && quota.burst() >= 1, "{quota:?}");
            assert!(quota.whole() < 1 << 52, "{quota:?}");
        }
    }

    #[test]
    fn a_minutes_quota_is_spent_at_once_and_grows_back_evenly() {
        let decisions = run(&Quota::per_minute(3), &[0, 0, 0, 0, 20_000_000]);
        let allowed: Vec<bool> = decisions.iter().map(|(_, decision)| decision.allowed).collect();
        assert_eq!(allowed, [true, true, true, false, true]);
        assert_eq!(decisions[3].1.retry_after, Duration::from_secs(20));
        assert_eq!(decisions[3].1.reset_after, Duration::from_mins(1));
    }
}
