//! Makes the same call again and again.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::future::join_all;

/// How long a case is measured in each round.
const TURN: Duration = Duration::from_millis(700);

type Call<'a> = Box<dyn Fn() -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>> + Send + Sync + 'a>;

/// A way to call.
pub(crate) struct Case<'a> {
    name: &'static str,
    at_once: usize,
    call: Call<'a>,
}

impl<'a> Case<'a> {
    pub(crate) fn new<F>(name: &'static str, at_once: usize, call: impl Fn() -> F + Send + Sync + 'a) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'a,
    {
        Self { name, at_once, call: Box::new(move || Box::pin(call())) }
    }
}

/// What was measured of a case: the medians of its rounds.
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) per_second: f64,
    pub(crate) median_micros: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

/// In turns, so that a slow moment of the machine meets all.
pub(crate) async fn run<const COUNT: usize>(rounds: usize, cases: [Case<'_>; COUNT]) -> anyhow::Result<Vec<Figures>> {
    let mut measured = vec![Vec::new(); COUNT];
    for round in 0..=rounds {
        for (case, measured) in cases.iter().zip(&mut measured) {
            let turn = turn(case).await?;
            // The first round warms up.
            if round > 0 {
                measured.push(turn);
            }
        }
    }
    Ok(cases.iter().zip(measured).map(|(case, turns)| figures(case, &turns)).collect())
}

type Turn = (f64, f64, f64);

fn figures(case: &Case<'_>, turns: &[Turn]) -> Figures {
    let middle = |of: fn(&Turn) -> f64| {
        let mut values: Vec<f64> = turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let per_second = middle(|turn| turn.0);
    #[expect(clippy::cast_precision_loss, reason = "a few calls at once")]
    let median_micros = 1e6 * case.at_once as f64 / per_second;
    Figures {
        name: case.name,
        per_second,
        median_micros,
        p50_micros: middle(|turn| turn.1),
        p99_micros: middle(|turn| turn.2),
    }
}

/// Calls a second, and the 50th and 99th percentile in microseconds.
async fn turn(case: &Case<'_>) -> anyhow::Result<Turn> {
    let started = Instant::now();
    let workers = (0..case.at_once).map(|_| worker(&case.call, started + TURN));
    let mut took: Vec<f64> = Vec::new();
    for worker in join_all(workers).await {
        took.extend(worker?);
    }
    let seconds = started.elapsed().as_secs_f64();
    took.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 calls")]
    let per_second = took.len() as f64 / seconds;
    Ok((per_second, took[took.len() / 2], took[took.len() * 99 / 100]))
}

async fn worker(call: &Call<'_>, end: Instant) -> anyhow::Result<Vec<f64>> {
    let mut took = Vec::new();
    let mut now = Instant::now();
    while now < end {
        call().await?;
        let then = Instant::now();
        took.push(then.duration_since(now).as_secs_f64() * 1e6);
        now = then;
    }
    Ok(took)
}
