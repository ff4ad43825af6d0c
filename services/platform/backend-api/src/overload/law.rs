//! How many requests a service may have at once, found from how long they take (a gradient law, as in Netflix' "Gradient2" and
//! Envoy's adaptive concurrency). While requests take about as long as they do when nobody waits, the limit grows; when they
//! take longer, some of them wait in a queue, and the limit shrinks in proportion. What "when nobody waits" is, is measured
//! again whenever the limit has been in the way for a while, with half of the requests: a service that has become slower for
//! good is not taken for one with a queue, and a queue that was always there is found.
//!
//! What requests waited for this process's own processors is no queue of the service's and is taken off. How long they take
//! "when nobody waits" is learned from what they took altogether, so that a wait that was taken for longer than it was does not
//! make a service look faster than it can be.

use std::time::Duration;

/// So many samples make a verdict, and never more often than this.
const SAMPLES: usize = 32;
const WINDOW: Duration = Duration::from_millis(50);
/// The most samples of one verdict; those beyond change nothing.
const KEPT: usize = 256;
/// Requests may take half again as long as when nobody waits, and this much more: waits that nobody notices are no overload.
const STRETCH: f64 = 1.5;
const SLACK: Duration = Duration::from_millis(10);
/// The most that one verdict takes from the limit.
const STEEPEST: f64 = 0.5;
/// The least limit. Fewer would starve a service whose every request waits for something else.
const LEAST: f64 = 8.0;
/// How long the limit is in the way before the time without waiting is measured again.
const PROBE_AFTER: Duration = Duration::from_secs(10);

/// A limit that follows from latencies.
#[derive(Debug)]
pub(super) struct Law {
    limit: f64,
    most: f64,
    /// How long requests take when nobody waits, in seconds.
    unhindered: Option<f64>,
    samples: Vec<f64>,
    window_began: Duration,
    /// Since when requests took too long, or were refused.
    hindered_since: Option<Duration>,
    probing: bool,
}

impl Law {
    /// A limit that begins with the most that it may be.
    pub(super) fn new(most: usize) -> Self {
        let most = whole(most).max(LEAST);
        Self {
            limit: most,
            most,
            unhindered: None,
            samples: Vec::with_capacity(KEPT),
            window_began: Duration::ZERO,
            hindered_since: None,
            probing: false,
        }
    }

    /// How many requests may be under way.
    pub(super) fn limit(&self) -> usize {
        let allowed = if self.probing { (self.limit / 2.0).max(LEAST) } else { self.limit };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between the least and the most")]
        let allowed = allowed as usize;
        allowed
    }

    /// Takes in how long a request took that ended `now`, an instant of a clock that never goes back.
    pub(super) fn observe(&mut self, now: Duration, took: Duration, meanwhile: Meanwhile) -> Verdict {
        if self.samples.is_empty() {
            self.window_began = now;
        }
        if self.samples.len() < KEPT {
            self.samples.push(took.as_secs_f64());
        }
        if self.samples.len() < SAMPLES || now.saturating_sub(self.window_began) < WINDOW {
            return Verdict::Later;
        }
        let took = lower_quartile(&mut self.samples);
        self.samples.clear();
        self.decide(now, took, meanwhile);
        Verdict::Given
    }

    fn decide(&mut self, now: Duration, took: f64, meanwhile: Meanwhile) {
        let answering = (took - meanwhile.waited.as_secs_f64()).max(f64::MIN_POSITIVE);
        let quickest = self.unhindered.map_or(took, |known| known.min(took));
        let unhindered = if self.probing { quickest.max(answering) } else { quickest };
        self.unhindered = Some(unhindered);
        self.probing = false;
        let tolerated = unhindered * STRETCH + SLACK.as_secs_f64();
        let gradient = (tolerated / answering).clamp(STEEPEST, 1.0);
        let grown = if gradient < 1.0 { 0.0 } else { self.limit.sqrt() };
        self.limit = (self.limit * gradient + grown).clamp(LEAST, self.most);
        if gradient >= 1.0 && !meanwhile.refused {
            self.hindered_since = None;
            return;
        }
        let since = *self.hindered_since.get_or_insert(now);
        if now.saturating_sub(since) >= PROBE_AFTER {
            self.hindered_since = None;
            self.probing = true;
        }
    }
}

/// What else happened while a request was answered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meanwhile {
    /// How long it waited for this process's own processors.
    pub(super) waited: Duration,
    /// Whether others were turned away since the last verdict.
    pub(super) refused: bool,
}

/// Whether the limit may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Given,
    Later,
}

/// What three of four requests take longer than. In a queue all wait, the quick ones too; a mix that has more slow ones than it
/// had is no queue, and moves this least.
fn lower_quartile(samples: &mut [f64]) -> f64 {
    let quarter = samples.len() / 4;
    *samples.select_nth_unstable_by(quarter, f64::total_cmp).1
}

fn whole(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A service with so many places and a fixed time for each request, of which others wait in a queue; as many are under way
    /// as the law lets in and as there are.
    struct Service {
        places: f64,
        time: f64,
        /// What its answers wait for our own processors, in seconds.
        wait: f64,
    }

    impl Service {
        fn latency(&self, under_way: f64) -> f64 {
            self.time * (under_way / self.places).max(1.0)
        }

        /// Seconds of so many requests at once.
        fn run(&self, law: &mut Law, now: &mut f64, seconds: f64, wanted: f64) {
            let end = *now + seconds;
            while *now < end {
                let under_way = wanted.min(whole(law.limit()));
                let took = self.latency(under_way) + self.wait;
                *now += took / under_way;
                let meanwhile = Meanwhile { waited: Duration::from_secs_f64(self.wait), refused: wanted > under_way };
                law.observe(Duration::from_secs_f64(*now), Duration::from_secs_f64(took), meanwhile);
            }
        }
    }

    #[test]
    fn the_limit_shrinks_when_requests_wait_and_grows_back_when_they_do_not() {
        let (mut law, mut now) = (Law::new(1_024), 0.0);
        let service = Service { places: 16.0, time: 0.025, wait: 0.0 };
        service.run(&mut law, &mut now, 2.0, 8.0);
        assert_eq!(law.limit(), 1_024);
        service.run(&mut law, &mut now, 20.0, 2_000.0);
        let limit = law.limit();
        assert!((12..=40).contains(&limit), "{limit}");
        service.run(&mut law, &mut now, 20.0, 8.0);
        assert!(law.limit() > 256, "{}", law.limit());
    }

    #[test]
    fn a_service_that_became_slower_for_good_gets_its_requests_again() {
        let (mut law, mut now) = (Law::new(1_024), 0.0);
        Service { places: 1e6, time: 0.010, wait: 0.0 }.run(&mut law, &mut now, 5.0, 64.0);
        let slower = Service { places: 1e6, time: 0.200, wait: 0.0 };
        slower.run(&mut law, &mut now, 5.0, 64.0);
        assert!(law.limit() < 64, "{}", law.limit());
        slower.run(&mut law, &mut now, 60.0, 64.0);
        assert!(law.limit() >= 64, "{}", law.limit());
    }

    #[test]
    fn waits_that_nobody_notices_are_no_overload() {
        let (mut law, mut now) = (Law::new(1_024), 0.0);
        let fast = Service { places: 2.0, time: 0.000_03, wait: 0.0 };
        fast.run(&mut law, &mut now, 0.5, 1.0);
        fast.run(&mut law, &mut now, 2.0, 512.0);
        assert!(law.limit() >= 512, "{}", law.limit());
    }

    #[test]
    fn waits_for_our_own_processors_are_no_overload_and_hide_none() {
        let (mut law, mut now) = (Law::new(1_024), 0.0);
        let quick = Service { places: 1e6, time: 0.002, wait: 0.0 };
        quick.run(&mut law, &mut now, 0.5, 8.0);
        Service { wait: 0.100, ..quick }.run(&mut law, &mut now, 20.0, 512.0);
        assert_eq!(law.limit(), 1_024);
        let (mut law, mut now) = (Law::new(1_024), 0.0);
        let slow = Service { places: 16.0, time: 0.025, wait: 0.0 };
        slow.run(&mut law, &mut now, 2.0, 8.0);
        Service { wait: 0.100, ..slow }.run(&mut law, &mut now, 20.0, 2_000.0);
        assert!(law.limit() <= 40, "{}", law.limit());
    }

    #[test]
    fn slow_requests_among_others_change_nothing() {
        let mut law = Law::new(1_024);
        for index in 0_u32..10_000 {
            let took = if index % 2 == 0 { Duration::from_secs(3) } else { Duration::from_millis(5) };
            law.observe(Duration::from_millis(5) * index, took, Meanwhile::default());
        }
        assert_eq!(law.limit(), 1_024);
    }

    proptest! {
        #[test]
        fn the_limit_stays_between_the_least_and_the_most(most in 1_usize..5_000, samples in prop::collection::vec((0_u64..200_000, 0_u64..20_000_000, 0_u64..20_000_000, any::<bool>()), 1..2_000)) {
            let (mut law, mut now) = (Law::new(most), Duration::ZERO);
            for (gap, took, waited, refused) in samples {
                now += Duration::from_micros(gap);
                let meanwhile = Meanwhile { waited: Duration::from_micros(waited), refused };
                law.observe(now, Duration::from_micros(took), meanwhile);
                prop_assert!((8..=most.max(8)).contains(&law.limit()), "{}", law.limit());
            }
        }

        #[test]
        fn an_overloaded_service_keeps_its_throughput_and_its_latency(places in 8_u32..200, milliseconds in 10_u32..200) {
            let service = Service { places: f64::from(places), time: f64::from(milliseconds) / 1e3, wait: 0.0 };
            let (mut law, mut now) = (Law::new(4_096), 0.0);
            service.run(&mut law, &mut now, 10.0 * service.time.max(0.1), service.places * 0.5);
            service.run(&mut law, &mut now, 400.0 * service.time, 1e5);
            let limit = whole(law.limit());
            prop_assert!(service.latency(limit) <= 3.0 * service.time + 0.010, "{limit}");
            prop_assert!(limit.min(service.places) / service.places >= 0.8 || law.probing, "{limit}");
        }
    }
}
