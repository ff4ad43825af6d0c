//! The process that is called.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::routing::get;
use nexus_kernel::Clock;
use nexus_kernel::config::{Config, MeshConfig};
use nexus_kernel::mesh;
use nexus_kernel::mesh::tls::Identity;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::certificates::files;
use crate::{CALLEE, PATH, bare, cloud};

/// The other process, and where it listens: as a service of the mesh, and without TLS.
pub(crate) struct Other {
    pub(crate) mesh: String,
    pub(crate) plain: String,
    /// It ends with this.
    _child: Child,
}

impl Other {
    pub(crate) async fn start(certificates: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg(certificates).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("starting the other process")?;
        let mut lines = BufReader::new(child.stdout.take().context("it is piped")?).lines();
        let mut line = async || lines.next_line().await?.context("the other process tells its addresses");
        Ok(Self { mesh: line().await?, plain: line().await?, _child: child })
    }
}

pub(crate) async fn serve(certificates: &Path) -> anyhow::Result<()> {
    let router = Router::new().route(PATH, get(cloud::answer));
    let config = MeshConfig { tls: files(certificates, CALLEE), ..Config::default().mesh };
    let identity = Identity::configured(CALLEE, &config, Clock::system())?.context("it has certificates")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    println!("{}", bare::listen(router.clone()).await?);
    mesh::serve(listener, router, Arc::new(identity), CancellationToken::new()).await;
    Ok(())
}
