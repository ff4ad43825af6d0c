//! A retry budget: repeating calls helps against single failures, and makes it worse when everything fails.

use std::collections::VecDeque;

use crate::time::Timestamp;

/// Retries allowed for each call of the window.
const SHARE: f64 = 0.2;
/// Retries allowed a second whatever the number of calls, so that a quiet service may retry at all.
const AT_LEAST_PER_SECOND: f64 = 10.0;
/// The window, in seconds.
const WINDOW: i64 = 10;

/// Counts the calls and retries of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Budget {
    seconds: VecDeque<Second>,
}

#[derive(Debug)]
struct Second {
    at: i64,
    calls: u32,
    retries: u32,
}

impl Budget {
    /// Counts a call.
    pub(super) fn call(&mut self, now: Timestamp) {
        let second = self.second(now);
        second.calls = second.calls.saturating_add(1);
    }

    /// Takes one retry out of the budget, if there is one left.
    pub(super) fn retry(&mut self, now: Timestamp) -> bool {
        self.second(now);
        let sum = |of: fn(&Second) -> u32| self.seconds.iter().map(|second| f64::from(of(second))).sum::<f64>();
        #[expect(clippy::cast_precision_loss, reason = "the window is a few seconds")]
        let allowed = sum(|second| second.calls) * SHARE + AT_LEAST_PER_SECOND * WINDOW as f64;
        if sum(|second| second.retries) + 1.0 > allowed {
            return false;
        }
        self.second(now).retries += 1;
        true
    }

    fn second(&mut self, now: Timestamp) -> &mut Second {
        let at = now.as_seconds();
        if self.seconds.back().is_some_and(|second| second.at == at) {
            let last = self.seconds.len() - 1;
            return &mut self.seconds[last];
        }
        self.seconds.retain(|second| second.at > at - WINDOW);
        match self.seconds.iter().rposition(|second| second.at == at) {
            Some(index) => &mut self.seconds[index],
            None => self.seconds.push_back_mut(Second { at, calls: 0, retries: 0 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn retries_end_with_the_budget_and_come_back_with_calls_and_time() {
        let mut budget = Budget::default();
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        assert_eq!((0..1_000).filter(|_| budget.retry(now)).count(), 100);
        for _ in 0..50 {
            budget.call(now);
        }
        assert_eq!((0..1_000).filter(|_| budget.retry(now)).count(), 10);
        assert_eq!((0..1_000).filter(|_| budget.retry(now.plus(Duration::from_secs(10)))).count(), 100);
    }
}
