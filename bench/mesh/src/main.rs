//! What a call between services costs: in one process next to a plain function call and to HTTP over loopback, and between
//! two processes next to hyper's own client, with the same TLS and with none.
// It prints its result.
#![allow(clippy::print_stdout)]

mod bare;
mod certificates;
mod cloud;
mod measure;
mod other;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use nexus_kernel::Clock;
use nexus_kernel::config::{Config, MeshConfig};
use nexus_kernel::discovery::StaticList;
use nexus_kernel::mesh::Mesh;
use nexus_kernel::mesh::tls::Identity;

use bare::Bare;
use certificates::Certificates;
use measure::{Case, Figures, run};
use other::Other;

/// The service that is called, and the one that calls.
const CALLEE: &str = "session-mgr";
const CALLER: &str = "auth-service";
/// What is asked for, and what comes back.
const PATH: &str = "/api/sessions/bench";
const ANSWER: &str = r#"{"id":"0195f7a2-7b1e-7c3d-9c55-7f0f6f9f2a11","state":"active"}"#;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_else(|| "7".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if first == "serve" {
        let folder = arguments.next().context("the folder of the certificates")?;
        return runtime.block_on(other::serve(Path::new(&folder)));
    }
    let rounds = first.parse().context("the number of rounds")?;
    runtime.block_on(async {
        in_one_process(rounds).await?;
        between_processes(rounds).await
    })
}

async fn in_one_process(rounds: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cloud = cloud::start(folder.path()).await?;
    let mesh = cloud.context_of(CALLER).context("the caller runs")?.mesh.clone();
    let router = cloud.router(CALLEE).context("the callee runs")?;
    let loopback = Bare::http1(&bare::listen(router).await?).await?;
    let cases = [
        Case::new("a plain function call", 1, || async {
            std::hint::black_box(cloud::answer().await);
            Ok(())
        }),
        Case::new("a call through the mesh in one process", 1, || call(&mesh)),
        Case::new("the same service by HTTP/1.1 over loopback", 1, || loopback.call()),
    ];
    let figures = run(rounds, cases).await?;
    println!("| in one process, one call after the other | microseconds (median) | of the mesh's |");
    println!("| --- | --- | --- |");
    let mesh = figures[1].median_micros;
    for Figures { name, median_micros, .. } in figures {
        println!("| {name} | {median_micros:.2} | {:.2} |", median_micros / mesh);
    }
    cloud.shutdown().await;
    Ok(())
}

async fn call(mesh: &Mesh) -> anyhow::Result<()> {
    let reply = mesh.to(CALLEE).get(PATH).send().await?.bytes().await?;
    anyhow::ensure!(reply == ANSWER, "an answer");
    Ok(())
}

async fn between_processes(rounds: usize) -> anyhow::Result<()> {
    let certificates = Certificates::make()?;
    let other = Other::start(certificates.folder()).await?;
    let config = MeshConfig { tls: certificates.of(CALLER), ..Config::default().mesh };
    let identity = Identity::configured(CALLER, &config, Clock::system())?.map(Arc::new);
    let addresses = StaticList::new([(CALLEE, [format!("https://{}", other.mesh)])])?;
    let mesh = Mesh::new(CALLER, Arc::new(addresses), identity, &config, Clock::system());
    let (protected, open) = (Bare::tls(&other.mesh, certificates.client()?).await?, Bare::plain(&other.plain).await?);
    println!("\n| between two processes | at once | calls a second | p50 us | p99 us | time of a bare client's |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for at_once in [1, 16, 64] {
        let cases = [
            Case::new("hyper alone, HTTP/2 under the same TLS", at_once, || protected.call()),
            Case::new("through the mesh, HTTP/2 under mutual TLS", at_once, || call(&mesh)),
            Case::new("hyper alone, HTTP/2 without TLS", at_once, || open.call()),
        ];
        let figures = run(rounds, cases).await?;
        let bare = figures[0].per_second;
        for Figures { name, per_second, p50_micros, p99_micros, .. } in figures {
            println!(
                "| {name} | {at_once} | {per_second:.0} | {p50_micros:.0} | {p99_micros:.0} | {:.2} |",
                bare / per_second
            );
        }
    }
    Ok(())
}
