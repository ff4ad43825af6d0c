//! `nexus probe`: whether the system of this configuration is well, as an exit code.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use http::{Method, StatusCode};
use nexus_kernel::config::Config;

use crate::api::Api;
use crate::sign_in::near;

/// How long it may take to say so.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) fn run(config: &Config, live: bool) -> anyhow::Result<ExitCode> {
    let (address, api) = match config.telemetry.listen {
        Some(address) => (address, Api::at(&format!("http://{}", near(address)), None)?),
        None => (config.listen, Api::own(config, config.listen)?),
    };
    let path = if live { "/health/live" } else { "/health/ready" };
    super::runtime()?.block_on(async {
        let asked = tokio::time::timeout(LIMIT, api.call(Method::GET, path).exchange());
        let reply = asked.await.with_context(|| format!("{address} did not answer within {} s", LIMIT.as_secs()))??;
        if reply.status != StatusCode::OK {
            bail!("{path} of {address} is {}: {}", reply.status, reply.text());
        }
        Ok(ExitCode::SUCCESS)
    })
}
