//! Load at a fixed rate, whatever comes back: a request is sent when it is due, and its latency counts from then, so that a
//! server that makes its clients wait is not spared the requests they would have sent meanwhile ("coordinated omission").

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// A reply that comes later is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is offered.
pub(crate) struct Load {
    pub(crate) url: Uri,
    pub(crate) token: String,
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) seconds: u64,
    /// The most connections, and so the most requests under way.
    pub(crate) connections: usize,
}

/// What came back.
#[derive(Default)]
struct Seen {
    /// By status; 0 is no reply at all.
    statuses: BTreeMap<u16, u64>,
    /// Of the accepted ones, in microseconds.
    latencies: Vec<u64>,
    /// Requests that were due while every connection was taken.
    unsent: u64,
}

/// Offers the load, and prints what came back as one line of JSON.
pub(crate) async fn run(load: Load) -> anyhow::Result<()> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let load = Arc::new(load);
    let mut tasks = JoinSet::new();
    let begin = Instant::now() + Duration::from_millis(100);
    let count = load.connections;
    for index in 0..count {
        let (load, seen) = (Arc::clone(&load), Arc::clone(&seen));
        tasks.spawn(async move { one(&load, index, begin, &seen).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.latencies.sort_unstable();
    let accepted = seen.latencies.len();
    let percentile = |share: f64| {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index"
        )]
        let index = (accepted as f64 * share) as usize;
        seen.latencies.get(index.min(accepted.saturating_sub(1))).map_or(0, |latency| *latency)
    };
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are small")]
    let goodput = accepted as f64 / load.seconds as f64;
    let line = json!({
        "offered": load.rate,
        "goodput": goodput.round(),
        "p50_us": percentile(0.5),
        "p99_us": percentile(0.99),
        "statuses": seen.statuses,
        "unsent": seen.unsent,
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// One connection's share: each of its requests is due at its own instant.
async fn one(load: &Load, index: usize, begin: Instant, seen: &Mutex<Seen>) -> anyhow::Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand connections")]
    let (gap, offset) = (load.connections as f64 / load.rate, index as f64 / load.rate);
    let end = begin + Duration::from_secs(load.seconds);
    let mut sender = None;
    let mut mine = Seen::default();
    let mut due = begin + Duration::from_secs_f64(offset);
    while due < end {
        sleep_until(due).await;
        // Every request counts from when it was due, also where the one before it took too long for this connection.
        let (status, next) = match timeout(PATIENCE, send(load, sender.take())).await {
            Ok(Ok((status, sender))) => (status, Some(sender)),
            Ok(Err(_)) | Err(_) => (0, None),
        };
        sender = next;
        *mine.statuses.entry(status).or_default() += 1;
        if status == 200 {
            mine.latencies.push(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        due += Duration::from_secs_f64(gap);
        if due + PATIENCE < Instant::now() {
            mine.unsent += 1;
        }
    }
    let mut all = seen.lock().unwrap_or_else(PoisonError::into_inner);
    for (status, count) in mine.statuses {
        *all.statuses.entry(status).or_default() += count;
    }
    all.latencies.extend(mine.latencies);
    all.unsent += mine.unsent;
    Ok(())
}

type Sender = SendRequest<Empty<Bytes>>;

async fn send(load: &Load, sender: Option<Sender>) -> anyhow::Result<(u16, Sender)> {
    let mut sender = match sender {
        Some(sender) if !sender.is_closed() => sender,
        _ => connect(&load.url).await?,
    };
    sender.ready().await?;
    let request = Request::get(load.url.path())
        .header(header::HOST, "bench")
        .header(header::AUTHORIZATION, format!("Bearer {}", load.token))
        .body(Empty::new())?;
    let reply = sender.send_request(request).await?;
    let status = reply.status().as_u16();
    reply.into_body().collect().await?;
    Ok((status, sender))
}

async fn connect(url: &Uri) -> anyhow::Result<Sender> {
    let authority = url.authority().context("the URL has a host")?;
    let stream = TcpStream::connect(authority.as_str()).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
