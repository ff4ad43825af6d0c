//! Rate, errors and duration of every route (by its template, never by the raw path), and counters of the kernel's own work.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

/// What a request is counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    /// The route's template, as `/api/users/{id}`.
    pub route: String,
    /// The HTTP method.
    pub method: String,
    /// The status class: `2xx`, `4xx` …
    pub status: String,
}

/// Whose event lag a gauge shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabels {
    /// The publishing service.
    pub source: String,
}

/// The last minute of a service's requests.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// Requests a second, over the last minute.
    #[schema(minimum = 0.0, example = 12.5)]
    pub requests_per_second: f64,
    /// Half of the requests took at most this long, in milliseconds.
    #[schema(minimum = 0.0, example = 1.2)]
    pub p50_ms: f64,
    /// 99 of 100 requests took at most this long, in milliseconds.
    #[schema(minimum = 0.0, example = 8.4)]
    pub p99_ms: f64,
    /// The share of requests that ended in a 5xx, from 0 to 1.
    #[schema(minimum = 0.0, maximum = 1.0, example = 0.0)]
    pub error_rate: f64,
}

/// The metrics of one service.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RouteLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    lag: Family<SourceLabels, Gauge>,
    missing: Family<SourceLabels, Gauge>,
    known: Arc<RwLock<HashMap<String, Vec<Series>>>>,
    recent: Arc<Mutex<Recent>>,
    in_flight: Arc<AtomicUsize>,
}

/// The methods that have series of their own (RFC 9110 section 9.3, RFC 5789).
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];

/// Where requests of one route, method and status class are counted.
#[derive(Debug, Clone)]
struct Series {
    method: &'static str,
    class: u16,
    requests: Counter,
    durations: Histogram,
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
#[must_use = "the request counts as answered when this is dropped"]
pub struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Empty metrics whose every series carries the service's name.
    pub fn new(service: &'static str) -> Self {
        let requests = Family::default();
        let durations: Family<RouteLabels, Histogram> =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_5, 2.0, 16)));
        let (lag, missing) = (Family::default(), Family::default());
        let mut registry = Registry::with_labels([("service".into(), service.into())].into_iter());
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "From the request's head to the reply's head",
            durations.clone(),
        );
        registry.register("nexus_event_consumer_lag", "Published events not yet applied here", lag.clone());
        registry.register(
            "nexus_event_consumer_missing",
            "Events deleted before they were applied here",
            missing.clone(),
        );
        Self {
            registry: Arc::new(registry),
            requests,
            durations,
            lag,
            missing,
            known: Arc::default(),
            recent: Arc::default(),
            in_flight: Arc::default(),
        }
    }

    /// A request begins.
    pub fn begin(&self) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(&self.in_flight))
    }

    /// How many requests are being answered now.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts one answered request. What a client calls its method names no series of its own when nobody knows it.
    pub fn record(&self, route: &str, method: &str, status: u16, took: Duration, ended: Instant) {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        let series = self.series(route, method, status / 100);
        series.requests.inc();
        series.durations.observe(took.as_secs_f64());
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).record(ended, took, status >= 500);
    }

    /// The series of a request, found without making its labels again.
    fn series(&self, route: &str, method: &'static str, class: u16) -> Series {
        let is_this = |series: &&Series| series.method == method && series.class == class;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(route).and_then(|of_route| of_route.iter().find(is_this)) {
            return series.clone();
        }
        drop(known);
        let labels = RouteLabels { route: route.to_owned(), method: method.to_owned(), status: format!("{class}xx") };
        let series = Series {
            method,
            class,
            requests: self.requests.get_or_create(&labels).clone(),
            durations: self.durations.get_or_create(&labels).clone(),
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(route.to_owned()).or_default().push(series.clone());
        series
    }

    /// Shows how many of a publisher's events are not yet applied.
    pub fn set_lag(&self, source: &str, events: u64) {
        let labels = SourceLabels { source: source.to_owned() };
        self.lag.get_or_create(&labels).set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    /// Shows how many of a publisher's events were deleted before they were applied.
    pub fn set_missing(&self, source: &str, events: u64) {
        let labels = SourceLabels { source: source.to_owned() };
        self.missing.get_or_create(&labels).set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    /// The last minute.
    pub fn stats(&self) -> Stats {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).stats(Instant::now())
    }

    /// All series in the Prometheus (`OpenMetrics`) text format.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

const WINDOW: Duration = Duration::from_mins(1);
/// Buckets grow by a quarter from 50 µs, so that a percentile is right to 25 %.
const BUCKETS: usize = 72;

#[derive(Debug, Default)]
struct Recent {
    seconds: VecDeque<Second>,
    started: Option<Instant>,
}

#[derive(Debug)]
struct Second {
    at: Instant,
    counts: [u32; BUCKETS],
    errors: u32,
}

impl Recent {
    fn record(&mut self, now: Instant, took: Duration, failed: bool) {
        self.started.get_or_insert(now);
        self.forget(now);
        if self.seconds.back().is_none_or(|second| now - second.at >= Duration::from_secs(1)) {
            self.seconds.push_back(Second { at: now, counts: [0; BUCKETS], errors: 0 });
        }
        if let Some(second) = self.seconds.back_mut() {
            second.counts[bucket(took)] += 1;
            second.errors += u32::from(failed);
        }
    }

    fn forget(&mut self, now: Instant) {
        while self.seconds.front().is_some_and(|second| now - second.at >= WINDOW) {
            self.seconds.pop_front();
        }
    }

    fn stats(&mut self, now: Instant) -> Stats {
        self.forget(now);
        let mut counts = [0_u64; BUCKETS];
        let mut errors = 0_u64;
        for second in &self.seconds {
            errors += u64::from(second.errors);
            for (total, count) in counts.iter_mut().zip(second.counts) {
                *total += u64::from(count);
            }
        }
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return Stats::default();
        }
        let span = self.started.map_or(WINDOW, |started| (now - started).clamp(Duration::from_secs(1), WINDOW));
        Stats {
            requests_per_second: ratio(total, 1) / span.as_secs_f64(),
            p50_ms: percentile(&counts, total, 0.50),
            p99_ms: percentile(&counts, total, 0.99),
            error_rate: ratio(errors, total),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "request counts of a minute stay far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// What each bucket reaches to, in milliseconds.
const BOUNDS: [f64; BUCKETS] = {
    let (mut bounds, mut index) = ([0.05; BUCKETS], 1);
    while index < BUCKETS {
        bounds[index] = bounds[index - 1] * 1.25;
        index += 1;
    }
    bounds
};

fn bucket(took: Duration) -> usize {
    let milliseconds = took.as_secs_f64() * 1_000.0;
    BOUNDS.partition_point(|bound| *bound < milliseconds).min(BUCKETS - 1)
}

fn percentile(counts: &[u64; BUCKETS], total: u64, share: f64) -> f64 {
    let mut seen = 0;
    for (index, count) in counts.iter().enumerate() {
        seen += count;
        if ratio(seen, total) >= share {
            return (BOUNDS[index] * 1_000.0).round() / 1_000.0;
        }
    }
    BOUNDS[BUCKETS - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_the_last_minute_are_right_to_a_quarter() {
        let mut recent = Recent::default();
        let start = Instant::now();
        for millisecond in 1..=100 {
            recent.record(start, Duration::from_millis(millisecond), millisecond == 100);
        }
        let stats = recent.stats(start);
        assert!((50.0..62.5).contains(&stats.p50_ms), "{stats:?}");
        assert!((99.0..124.0).contains(&stats.p99_ms), "{stats:?}");
        assert!((stats.error_rate - 0.01).abs() < 1e-9);
        assert_eq!(recent.stats(start + WINDOW), Stats::default());
    }

    #[test]
    fn a_request_counts_until_it_is_answered_or_given_up() {
        let metrics = Metrics::new("session-mgr");
        let (one, two) = (metrics.begin(), metrics.clone().begin());
        assert_eq!(metrics.in_flight(), 2);
        drop(one);
        drop(two);
        assert_eq!(metrics.in_flight(), 0);
    }

    #[test]
    fn series_carry_the_template_and_the_service() {
        let metrics = Metrics::new("session-mgr");
        metrics.record("/api/sessions/{id}", "GET", 204, Duration::from_millis(3), Instant::now());
        let text = metrics.encode().unwrap();
        assert!(
            text.contains(
                r#"http_requests_total{service="session-mgr",route="/api/sessions/{id}",method="GET",status="2xx"} 1"#
            ),
            "{text}"
        );
    }
}
