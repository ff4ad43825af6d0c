//! `nexus logs`: what the processes say.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};

use crate::compose;
use crate::supervisor::logs::{self, Entry};

/// How often is looked whether there is more.
const LOOK: Duration = Duration::from_millis(200);
/// Each process has one of these, so that its lines can be told from those of others.
const COLOURS: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Green, AnsiColor::Yellow, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::BrightCyan];

pub(super) fn run(data: &Path, service: Option<&str>, lines: usize, follow: bool) -> anyhow::Result<ExitCode> {
    if let Some(unknown) = service.filter(|name| !compose::names().contains(name)) {
        bail!("this build has no service `{unknown}`; `nexus services` lists those that it has");
    }
    let (entries, mut follower) = match logs::last(data, service, lines) {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "nothing was ever said in the data folder {}: logs are kept by `nexus up --isolate`; name its folder with --data",
            data.display()
        ),
        read => read.context("reading the logs")?,
    };
    let mut read = super::show(&text(&entries))?;
    while follow && read {
        std::thread::sleep(LOOK);
        let entries = follower.next().context("reading the logs")?;
        read = super::show(&text(&entries))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(entries: &[Entry]) -> String {
    // All names are known, so the column is as wide in each part as in the next.
    let width = compose::names().iter().map(|name| name.len() + 2).max().unwrap_or(0);
    let line = |entry: &Entry| {
        let name = format!("{}.{}", entry.service, entry.instance);
        let style = colour(&entry.service);
        format!("{style}{name:<width$} |{style:#} {}\n", entry.text)
    };
    entries.iter().map(line).collect()
}

fn colour(service: &str) -> Style {
    let index = compose::names().iter().position(|name| *name == service).unwrap_or(0);
    COLOURS[index % COLOURS.len()].on_default()
}
