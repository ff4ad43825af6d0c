//! Commands to the supervisor: `nexus restart`, `reload` and `scale`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

use crate::supervisor::operator::ask;
use crate::supervisor::protocol::{Reply, Request};

pub(super) fn run(data: &Path, request: &Request) -> anyhow::Result<ExitCode> {
    let progress = |text: &str| {
        // Who closed the pipe does not want to see it.
        let _ = super::print(&format!("{text}\n"));
    };
    match super::runtime()?.block_on(ask(data, request, progress))? {
        Reply::Done(text) => super::print(&format!("{text}\n")),
        _ => bail!("the supervisor said something else"),
    }
}
