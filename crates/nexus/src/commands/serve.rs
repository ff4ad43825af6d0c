//! Commands that start services.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use backend_api::Listeners;
use http::Method;
use nexus_contracts::user_auth::UserAuth;
use nexus_kernel::config::{Config, Secret};
use nexus_kernel::runtime::Cloud;
use nexus_kernel::{Clock, Ids, Service, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::compose::{self, GATEWAY};
use crate::demo::Demo;
use crate::folder::DataFolder;
use crate::supervisor::handover;
use crate::watch::{Here, Watch};

pub(super) const ACCOUNTS: &str = "user-auth";
/// How long a service may take to answer once it was started.
pub(super) const ANSWER: Duration = Duration::from_secs(10);
/// How much of a random token the demo's password is: 119 bits.
const PASSWORD_LENGTH: usize = 20;
pub(super) const NO_DEMO: &str =
    "The demo was not made: it needs an empty data folder, and this one is in use (choose another --data)\n";

/// Runs every service in this process.
pub(super) fn up(config: Config, demo: bool) -> anyhow::Result<ExitCode> {
    let _telemetry = telemetry::install(&config.telemetry)?;
    super::runtime()?.block_on(serve(config, compose::services(), demo))
}

/// Brings every schema up to date; the services start no work.
pub(super) fn migrate(config: Config) -> anyhow::Result<ExitCode> {
    let _telemetry = telemetry::install(&config.telemetry)?;
    let _folder = DataFolder::take(&config.data)?;
    let migrated = super::runtime()?.block_on(async {
        let environment = compose::environment(config).await?;
        Ok::<_, anyhow::Error>(nexus_kernel::runtime::migrate(&environment, &compose::services()).await?)
    })?;
    super::print(&format!("{migrated} services are up to date\n"))
}

/// Prints the merged document of the whole API.
pub(super) fn openapi() -> anyhow::Result<ExitCode> {
    let document = backend_api::merged_document(&compose::services())?;
    super::print(&format!("{}\n", serde_json::to_string_pretty(&document)?))
}

async fn serve(mut config: Config, services: Vec<Service>, demo: bool) -> anyhow::Result<ExitCode> {
    let folder = DataFolder::take(&config.data)?;
    let mut stop = Stop::listen()?;
    let (listeners, address) = listen(&mut config).await?;
    let api = Api::own(&config, address)?;
    let environment = compose::environment(config).await?;
    let names: Vec<_> = services.iter().map(Service::name).collect();
    let cloud = Cloud::start(&environment, services).await?;
    let _watch = Watch::open(environment.config.telemetry.listen, Here::new(&cloud, &names)).await?;
    let gateway = cloud.context_of(GATEWAY).context("the gateway is among the services")?;
    let listening = backend_api::Listening::open(listeners, gateway)?;
    let closing = CancellationToken::new();
    let server = tokio::spawn(backend_api::serve(listening, closing.clone()));

    let ready = async {
        let link = if cloud.router(ACCOUNTS).is_some() { setup_link(&cloud).await? } else { None };
        let new = demo && folder.was_empty() && link.is_some();
        announce(&cloud, &environment.config, &api, link.as_ref().filter(|_| !new)).await?;
        match link.filter(|_| new) {
            Some(token) => show(&environment.config, api, &token).await,
            None if demo => super::print(NO_DEMO).map(drop),
            None => Ok(()),
        }
    };
    let outcome = tokio::select! {
        outcome = async { ready.await?; std::future::pending().await } => outcome,
        () = stop.asked() => Ok(()),
    };

    tracing::info!("stopping: running requests and jobs may end; a second signal stops at once");
    let end = async {
        // Requests first: jobs and stores serve them until the last one has its reply.
        closing.cancel();
        let ended = server.await.context("the server's task");
        cloud.shutdown().await;
        ended
    };
    tokio::select! {
        ended = end => ended?,
        () = stop.asked() => bail!("stopped before running work had ended"),
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The gateway's ports: those that were handed down, or a new one.
pub(super) async fn listen(config: &mut Config) -> anyhow::Result<(Listeners, SocketAddr)> {
    let listeners = match handover::inherited().context("the listeners that were handed down")? {
        Some(listeners) => listeners,
        None => TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("listening on {}; choose another address with --listen", config.listen))?
            .into(),
    };
    let address = listeners.public.local_addr().context("the address that was given")?;
    // With port 0 the system chooses one, and links must name it.
    config.public_url = config.public_url.replace(&format!("://{}", config.listen), &format!("://{address}"));
    Ok((listeners, address))
}

/// Says that the system is there, once each part of it answers and the port does, and how to make the first account.
async fn announce(cloud: &Cloud, config: &Config, api: &Api, setup_token: Option<&Secret>) -> anyhow::Result<()> {
    let context = cloud.context_of(GATEWAY).context("the gateway is among the services")?;
    for name in compose::names().into_iter().filter(|name| cloud.router(name).is_some()) {
        let call = context.mesh.to(name).timeout(ANSWER).get("/health/live").send();
        call.await.with_context(|| format!("{name} was started and does not answer"))?;
    }
    api.call(Method::GET, "/health/live").send().await.context("the gateway was started and does not answer")?;
    let mut text = format!("Nexus COS is running at {}\n", config.public_url);
    if let Some(token) = setup_token {
        text.push_str(&invitation(config, token));
    }
    super::print(&text).map(drop)
}

/// What makes the first account, as the gateway may ask; `None` when there is one, or no gateway here.
pub(super) async fn setup_link(cloud: &Cloud) -> anyhow::Result<Option<Secret>> {
    let Some(context) = cloud.context_of(GATEWAY) else { return Ok(None) };
    Ok(UserAuth::new(&context.mesh).setup_link().await.context("asking for the set-up link")?.token)
}

/// How the owner's account is made.
pub(super) fn invitation(config: &Config, setup_token: &Secret) -> String {
    let url = format!("{}/setup?token={}", config.public_url, setup_token.expose());
    format!("Make the owner's account (once, this link is a key): {url}\n")
}

/// Makes the demo.
pub(super) async fn show(config: &Config, api: Api, setup_token: &Secret) -> anyhow::Result<()> {
    let password: String = Ids::new(Clock::system()).random_token().chars().take(PASSWORD_LENGTH).collect();
    let mut demo = Demo::set_up(api, setup_token, Secret::from(password.as_str())).await?;
    super::print(&demo.greeting())?;
    match demo.make_media(config).await {
        Ok(number) => super::print(&format!("The demo is complete: {number} clips\n"))?,
        // The organisation is there and the system runs: no reason to stop it.
        Err(error) => super::print(&format!("The demo has not all of its media: {error:#}\n"))?,
    };
    Ok(())
}

/// The signals that ask for an end.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listening for SIGINT")?,
        })
    }

    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
