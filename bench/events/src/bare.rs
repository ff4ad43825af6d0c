//! The NATS client alone.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::StreamExt;

use crate::through::Noted;

pub(crate) async fn run(url: &str, messages: usize) -> anyhow::Result<Vec<Duration>> {
    let client = async_nats::connect(url).await.context("NATS answers")?;
    let subject = client.new_inbox();
    let mut arriving = client.subscribe(subject.clone()).await?;
    client.flush().await?;
    let mut times = Vec::with_capacity(messages);
    for number in 0..messages {
        let begun = Instant::now();
        client.publish(subject.clone(), serde_json::to_vec(&Noted::new(number))?.into()).await?;
        arriving.next().await.context("the subscription stays")?;
        times.push(begun.elapsed());
    }
    Ok(times)
}
