//! The gateway for the benchmarks: the real one, in front of a service at a fixed address; the service for the one with too
//! much load; and the load.

mod composed;
mod offered;
mod slow;
mod token;

use std::net::SocketAddr;

use anyhow::{Context, bail};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    match words[..] {
        ["gateway", listen, upstream] => runtime.block_on(composed::run(address(listen)?, upstream)),
        ["token"] => token::print(),
        ["service", listen, workers, milliseconds] => {
            runtime.block_on(slow::run(address(listen)?, number(workers)?, number(milliseconds)?))
        }
        ["offer", url, token, rate, seconds, connections] => {
            let load = offered::Load {
                url: url.parse().context("the URL")?,
                token: token.to_owned(),
                rate: number(rate)?,
                seconds: number(seconds)?,
                connections: number(connections)?,
            };
            runtime.block_on(offered::run(load))
        }
        _ => bail!(
            "gateway LISTEN UPSTREAM | token | service LISTEN WORKERS MILLISECONDS | offer URL TOKEN RATE SECONDS CONNECTIONS"
        ),
    }
}

fn address(text: &str) -> anyhow::Result<SocketAddr> {
    text.parse().with_context(|| format!("{text} is no address"))
}

fn number<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> anyhow::Result<T> {
    text.parse().with_context(|| format!("{text} is no number"))
}
