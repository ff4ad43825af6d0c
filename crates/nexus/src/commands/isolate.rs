//! `nexus up --isolate`: a supervised process for each service.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use nexus_contracts::user_auth::UserAuth;
use nexus_kernel::config::{Config, Secret};
use nexus_kernel::discovery::Discovery;
use nexus_kernel::mesh::Mesh;
use nexus_kernel::telemetry;

use super::serve::{ACCOUNTS, Stop, invitation, show};
use crate::api::Api;
use crate::cli::Settings;
use crate::supervisor::{Beginning, Instances, Supervision};

/// How often is looked whether the process that made the set-up link is still there.
const LOOK: Duration = Duration::from_secs(1);

pub(super) fn run(settings: Settings, config: Config, demo: bool) -> anyhow::Result<ExitCode> {
    let _telemetry = telemetry::install(&config.telemetry)?;
    super::runtime()?.block_on(async {
        let mut stop = Stop::listen()?;
        let arguments = arguments(&settings);
        let reread = Box::new(move || Ok(super::load(&settings)?.config));
        let supervision = Supervision { config, arguments, reread };
        let started = tokio::select! {
            started = supervision.start() => started?,
            () = stop.asked() => return Ok(ExitCode::SUCCESS),
        };
        started.run(async || stop.asked().await, async |beginning| greet(beginning, demo).await).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The settings of this command line, as each process is given them.
fn arguments(settings: &Settings) -> Vec<OsString> {
    let file = settings.config.iter();
    file.flat_map(|file| [OsString::from("--config"), file.clone().into_os_string()]).collect()
}

/// Says that the system is there once each part of it is, and how to make the first account.
async fn greet(beginning: Beginning, demo: bool) -> anyhow::Result<()> {
    let Beginning { address, config, mesh, instances, was_empty, ready } = beginning;
    ready.await.context("the processes ended before all of them served")?;
    super::print(&format!("Nexus COS is running at {}\n", config.public_url))?;
    let token = UserAuth::new(&mesh).setup_link().await.context("asking for the set-up link")?.token;
    match token {
        Some(token) if demo && was_empty => show(&config, Api::own(&config, address)?, &token).await,
        Some(token) => invite(&config, &mesh, &instances, token).await,
        None if demo => super::print(super::serve::NO_DEMO).map(drop),
        None => Ok(()),
    }
}

/// Says how the owner's account is made, and says it anew when the link has ended with the process that made it.
async fn invite(config: &Config, mesh: &Mesh, instances: &Instances, token: Secret) -> anyhow::Result<()> {
    let here = || instances.instances(ACCOUNTS).iter().map(|instance| instance.id().to_string()).collect::<Vec<_>>();
    let (mut known, mut next) = (here(), Some(token));
    while let Some(token) = next {
        super::print(&invitation(config, &token))?;
        while known == here() || here().is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        known = here();
        next = UserAuth::new(mesh).setup_link().await.context("asking for the set-up link")?.token;
    }
    Ok(())
}
