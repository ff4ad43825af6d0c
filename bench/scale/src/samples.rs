//! How long something took, many times.

use std::time::{Duration, Instant};

/// Durations of the same thing.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Does it once and adds how long it took.
    pub(crate) async fn time<T>(&mut self, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let outcome = work.await;
        self.0.push(started.elapsed());
        outcome
    }

    /// The duration, in microseconds, that this part of the samples did not exceed.
    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of thousands"
        )]
        let index = ((sorted.len().saturating_sub(1)) as f64 * part).round() as usize;
        sorted.get(index).map_or(f64::NAN, |took| took.as_secs_f64() * 1e6)
    }

    /// The median in microseconds.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// A table's cell: median and 99th percentile in microseconds, and how the median compares to the first line's.
    pub(crate) fn cell(&self, first: f64) -> String {
        format!("{:.0} / {:.0} ({:.1}x)", self.median(), self.quantile(0.99), self.median() / first)
    }
}
