//! Puts a supervisor together.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use nexus_kernel::config::{Config, MeshTlsConfig, Secret};
use nexus_kernel::mesh::Mesh;
use nexus_kernel::mesh::tls::Identity;
use nexus_kernel::{Clock, Ids};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, Parts};
use super::launch::Launcher;
use super::logs::Logs;
use super::plan::Plan;
use super::table::Instances;
use super::usage::Meter;
use super::watched::Processes;
use super::{Input, client, leftovers, run_folder, server, socket};
use crate::compose::{self, GATEWAY};
use crate::folder::{self, DataFolder};
use crate::watch::Watch;

/// How many messages wait for the engine.
const WAITING: usize = 1_024;

/// What a supervisor needs to know.
pub(crate) struct Supervision {
    /// The configuration.
    pub(crate) config: Config,
    /// The arguments of each process, after `run <service>`; `--data` and `--listen` are added.
    pub(crate) arguments: Vec<OsString>,
    /// Reads the configuration again, for a reload.
    pub(crate) reread: Box<dyn Fn() -> anyhow::Result<Config> + Send + Sync>,
}

/// What is known when the processes are about to start.
pub(crate) struct Beginning {
    /// Where the gateway listens.
    pub(crate) address: SocketAddr,
    /// The configuration, with that address.
    pub(crate) config: Config,
    /// A way to the services.
    pub(crate) mesh: Mesh,
    /// Where their instances are.
    pub(crate) instances: Arc<Instances>,
    /// Whether nothing was in the data folder before.
    pub(crate) was_empty: bool,
    /// Is told when everything serves.
    pub(crate) ready: oneshot::Receiver<()>,
}

/// A supervisor that is about to start its processes.
pub(crate) struct Started {
    beginning: Beginning,
    engine: Engine,
    listener: UnixListener,
    inputs: mpsc::Sender<Input>,
    table: watch::Receiver<Arc<str>>,
    _watch: Watch,
    /// The data folder is ours as long as these are open.
    _folder: DataFolder,
    _lock: File,
}

impl Supervision {
    /// Takes the data folder, ends what an earlier supervisor left, and opens the gateway's port.
    pub(crate) async fn start(self) -> anyhow::Result<Started> {
        let Self { mut config, mut arguments, reread } = self;
        let plan = Plan::of(&config, &compose::names())?;
        if let Some(warning) = plan.warning(&config) {
            tracing::warn!("{warning}");
        }
        let clock = Clock::system();
        config.data = std::path::absolute(&config.data).context("the data folder's path")?;
        folder::make(&config.data).with_context(|| format!("making the data folder {}", config.data.display()))?;
        let run = run_folder(&config.data);
        let was_empty = folder::is_empty(&config.data)?;
        folder::make(&run).with_context(|| format!("making {}", run.display()))?;
        let lock = alone(&run)?;
        leftovers::end(&run).await?;
        // The processes take no locks of their own: while one takes over from another, both are there.
        let data = DataFolder::share(&config, &compose::names())?;
        let variables = variables(&mut config, &clock);
        let listener = open(&socket(&config.data))?;
        let (listeners, address) = public(&mut config).await?;
        // Whatever a reload reads: the folder and the port are those that are held here.
        arguments.extend([OsString::from("--data"), config.data.clone().into()]);
        arguments.extend([OsString::from("--listen"), address.to_string().into()]);
        let launcher = Launcher {
            program: std::env::current_exe().context("finding this program's file")?,
            arguments,
            variables,
            run,
            listeners,
        };
        let identity = Identity::configured(GATEWAY, &config.mesh, clock.clone())?.map(Arc::new);
        let instances = Arc::new(Instances::default());
        let watched = Processes::new(&instances, identity.as_ref(), &config.mesh, &clock);
        let watch = Watch::open(config.telemetry.listen, watched).await?;
        let mesh = Mesh::new(GATEWAY, Arc::clone(&instances) as _, identity, &config.mesh, clock.clone());
        let logs = Logs::open(&config.data, clock).context("making the folder of the logs")?;
        let (sender, inputs) = mpsc::channel(WAITING);
        let (table, known) = watch::channel(Arc::from(""));
        let (said, ready) = oneshot::channel();
        let redirect_from = config.gateway.tls.redirect_from;
        let reread = Box::new(move || planned_anew(&reread()?, redirect_from));
        let here = Arc::clone(&instances);
        let parts = Parts {
            plan,
            launcher,
            logs,
            meter: Meter::new()?,
            inputs,
            sender: sender.clone(),
            table,
            instances,
            ready: said,
            reread,
        };
        let engine = Engine::new(parts);
        Ok(Started {
            beginning: Beginning { address, config, mesh, instances: here, was_empty, ready },
            engine,
            listener,
            inputs: sender,
            table: known,
            _watch: watch,
            _folder: data,
            _lock: lock,
        })
    }
}

impl Started {
    /// Supervises until `stop` asks for the end and everything has ended; asked again, it ends at once. `greet` runs beside it.
    pub(crate) async fn run(
        self,
        stop: impl AsyncFnMut(),
        greet: impl AsyncFnOnce(Beginning) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Self { beginning, engine, listener, inputs, table, _watch, _folder, _lock } = self;
        let path = socket(&beginning.config.data);
        let end = CancellationToken::new();
        let server = tokio::spawn(server::serve(listener, inputs, table, end.clone()));
        let greeting = async {
            // The system runs all the same: no reason to stop it.
            if let Err(error) = greet(beginning).await {
                tracing::error!("{error:#}");
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = engine.run(stop) => {}
            () = greeting => {}
        }
        end.cancel();
        server.await.context("the socket's task")?;
        // Nobody should find a socket that nobody answers at.
        let _ = std::fs::remove_file(path);
        Ok(())
    }
}

/// The plan of a configuration that was read again.
fn planned_anew(config: &Config, redirect_from: Option<SocketAddr>) -> anyhow::Result<Plan> {
    if config.gateway.tls.redirect_from != redirect_from {
        bail!("gateway.tls.redirect_from changes with a restart of the whole system only");
    }
    Plan::of(config, &compose::names())
}

/// One supervisor a data folder.
fn alone(run: &Path) -> anyhow::Result<File> {
    let path = run.join("supervisor.lock");
    let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!(
            "another supervisor runs on this data folder: see it with `nexus ps`, or choose another folder with --data"
        );
    }
    Ok(file)
}

/// The socket, for its owner alone.
fn open(path: &PathBuf) -> anyhow::Result<UnixListener> {
    // What an earlier supervisor left; the lock says that it is gone.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing {}", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(|| {
        format!("listening on {}; where its path is too long (108 bytes), choose a shorter --data", path.display())
    })?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
        .with_context(|| format!("closing {} to others", path.display()))?;
    Ok(listener)
}

/// Opens the gateway's ports.
async fn public(config: &mut Config) -> anyhow::Result<(Vec<std::net::TcpListener>, SocketAddr)> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listening on {}; choose another address with --listen", config.listen))?;
    let address = listener.local_addr().context("the address that was given")?;
    // With port 0 the system chooses one, and links must name it.
    config.public_url = config.public_url.replace(&format!("://{}", config.listen), &format!("://{address}"));
    let all = std::iter::once(listener).chain(backend_api::plain_listener(config)?);
    let all = all.map(TcpListener::into_std).collect::<std::io::Result<_>>().context("the gateway's ports")?;
    Ok((all, address))
}

/// What is set for each process.
fn variables(config: &mut Config, clock: &Clock) -> Vec<(&'static str, OsString)> {
    let mut variables: Vec<(&str, OsString)> = vec![
        (client::VARIABLE, socket(&config.data).into()),
        ("NEXUS_MESH__DISCOVERY", "supervisor".into()),
        ("NEXUS_MESH__PORTS", "any".into()),
        // What the processes say to each other stays on this machine.
        ("NEXUS_MESH__BIND", "127.0.0.1".into()),
        ("NEXUS_MESH__ADVERTISE", "127.0.0.1".into()),
    ];
    if config.mesh.secret.expose().is_empty() && config.mesh.tls == MeshTlsConfig::default() {
        let secret = Ids::new(clock.clone()).random_token();
        config.mesh.secret = Secret::from(secret.as_str());
        variables.push(("NEXUS_MESH__SECRET", secret.into()));
    }
    variables
}
