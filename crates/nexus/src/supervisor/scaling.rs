//! How many instances a service should have for the load that it has: pure, with hysteresis.
//!
//! A load is measured in instances: the one that is busy to its target with requests, or with the processor, is 1. More are
//! started when the load has not fitted for a short while. Fewer are kept when it would have fitted well into fewer for a long
//! while. Between what does not fit and what fits well is a band in which nothing happens, so that a steady load never makes
//! the number swing.

use std::collections::VecDeque;
use std::time::Duration;

use super::Moment;

/// Requests at once that keep one instance busy.
const REQUESTS: f64 = 32.0;
/// Processor time a second that keeps one instance busy, in cores.
const CORES: f64 = 0.8;
/// The share of its target to which an instance may be filled by going down.
const COMFORT: f64 = 0.7;
/// How long a load must not fit before more are started.
const RISE: Duration = Duration::from_secs(5);
/// How long it must fit well into fewer before one is ended.
const FALL: Duration = Duration::from_mins(1);
/// The most instances in reports, whatever they say.
const MOST: f64 = 10_000.0;

/// Between how many instances a service may be scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

/// What all instances of a service have to do together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Load {
    /// Requests at once.
    pub(crate) in_flight: f64,
    /// Processor time a second, in cores.
    pub(crate) cores: f64,
}

impl Load {
    /// In how many instances' worth of work this is.
    fn instances(self) -> f64 {
        (self.in_flight / REQUESTS).max(self.cores / CORES).clamp(0.0, MOST)
    }
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Moment,
    /// The fewest that it fits into.
    fits: usize,
    /// The fewest that it fits well into.
    fits_well: usize,
}

/// One service's scaling.
#[derive(Debug, Default)]
pub(crate) struct Scaling {
    samples: VecDeque<Sample>,
    /// Since when there have been as many as now.
    since: Moment,
}

impl Scaling {
    /// Takes note of a load, and says how many instances there should be if not as many as now.
    pub(crate) fn decide(&mut self, now: Moment, bounds: Bounds, instances: usize, load: Load) -> Option<usize> {
        let worth = load.instances();
        self.samples.push_back(Sample { at: now, fits: whole(worth), fits_well: whole(worth / COMFORT) });
        while self.samples.front().is_some_and(|sample| now.saturating_sub(sample.at) > FALL) {
            self.samples.pop_front();
        }
        let wanted = self.wanted(now, instances).clamp(bounds.min.max(1), bounds.max.max(1));
        (wanted != instances).then(|| {
            // What was measured with another number of instances tells nothing of this one.
            self.samples.clear();
            self.since = now;
            wanted
        })
    }

    fn wanted(&self, now: Moment, instances: usize) -> usize {
        let steady = now.saturating_sub(self.since);
        let recent = self.samples.iter().filter(|sample| now.saturating_sub(sample.at) <= RISE);
        let needed = recent.map(|sample| sample.fits).min().unwrap_or(instances);
        if steady >= RISE && needed > instances {
            return needed.min(instances.saturating_mul(2));
        }
        let enough = self.samples.iter().map(|sample| sample.fits_well).max().unwrap_or(instances);
        if steady >= FALL && enough < instances { instances - 1 } else { instances }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and a few 10,000")]
fn whole(worth: f64) -> usize {
    worth.ceil() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { min: 1, max: 8 };

    /// A service under a load that depends on the second, from one instance on: how many it has in each second.
    fn run(seconds: u64, bounds: Bounds, load: impl Fn(u64) -> Load) -> Vec<usize> {
        let mut scaling = Scaling::default();
        let mut instances = bounds.min;
        let second = |second| {
            let now = Duration::from_secs(second);
            instances = scaling.decide(now, bounds, instances, load(second)).unwrap_or(instances);
            instances
        };
        (0..seconds).map(second).collect()
    }

    fn requests(in_flight: f64) -> Load {
        Load { in_flight, cores: 0.0 }
    }

    #[test]
    fn a_load_that_stays_is_given_instances_and_they_end_after_it() {
        let load = |second| requests(if second < 60 { 100.0 } else { 0.0 });
        let instances = run(500, BOUNDS, load);
        assert_eq!(instances[59], 4, "{instances:?}");
        assert_eq!(instances[100], 4, "they stay for a while: {instances:?}");
        assert_eq!(instances[499], 1, "{instances:?}");
    }

    #[test]
    fn a_moment_of_load_changes_nothing() {
        assert!(run(300, BOUNDS, |second| requests(if second % 7 < 3 { 500.0 } else { 1.0 })).iter().all(|n| *n == 1));
    }

    #[test]
    fn the_processor_counts_as_well_as_requests() {
        assert_eq!(run(60, BOUNDS, |_| Load { in_flight: 1.0, cores: 2.0 })[59], 3);
    }

    proptest! {
        #[test]
        fn a_steady_load_never_makes_the_number_swing(in_flight in 0.0_f64..400.0, cores in 0.0_f64..8.0) {
            let instances = run(1_000, BOUNDS, |_| Load { in_flight, cores });
            prop_assert!(instances.windows(2).all(|pair| pair[0] <= pair[1]), "{instances:?}");
            let fits = whole(Load { in_flight, cores }.instances()).clamp(1, 8);
            prop_assert_eq!(instances[999], fits);
        }

        #[test]
        fn noise_within_the_band_changes_nothing_once_it_is_settled(noise in proptest::collection::vec(0.0_f64..1.0, 600)) {
            // Between 97 and 128 requests: never more than fit into four, never few enough for three in comfort.
            let load = |second: u64| requests(97.0 + noise[usize::try_from(second).unwrap() % noise.len()] * 31.0);
            let instances = run(600, BOUNDS, load);
            prop_assert!(instances[60..].iter().all(|n| *n == 4), "{instances:?}");
        }

        #[test]
        fn the_bounds_hold_whatever_is_reported(
            min in 1_usize..5, more in 0_usize..5, loads in proptest::collection::vec((any::<f64>(), any::<f64>()), 300),
        ) {
            let bounds = Bounds { min, max: min + more };
            let load = |second: u64| {
                let (in_flight, cores) = loads[usize::try_from(second).unwrap()];
                Load { in_flight, cores }
            };
            prop_assert!(run(300, bounds, load).iter().all(|n| (bounds.min..=bounds.max).contains(n)));
        }
    }
}
