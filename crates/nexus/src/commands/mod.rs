//! What each command does.

mod backup;
mod breached_passwords;
mod doctor;
mod export;
mod import;
mod isolate;
mod logs;
mod manifests;
mod new_service;
mod operate;
mod print;
mod probe;
mod ps;
mod restore;
mod run;
mod serve;
mod token;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory;
use figment::value::{Dict, Value};
use nexus_kernel::config::Loaded;

use crate::cli::{Arguments, Command, Settings};
use crate::supervisor::protocol::Request;

/// Runs one command; an error is for standard error and exit code 1.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let loaded = load(&arguments.settings)?;
    match arguments.command {
        Command::Up { demo, isolate: true } => isolate::run(arguments.settings, loaded.config, demo),
        Command::Up { demo, isolate: false } => serve::up(loaded.config, demo),
        Command::Ps { json } => ps::run(&loaded.config.data, json),
        Command::Logs { follow, lines, service } => logs::run(&loaded.config.data, service.as_deref(), lines, follow),
        Command::Restart { service } => operate::run(&loaded.config.data, &Request::Restart { service }),
        Command::Reload { service } => operate::run(&loaded.config.data, &Request::Reload { service }),
        Command::Scale { service, instances } => {
            operate::run(&loaded.config.data, &Request::Scale { service, instances })
        }
        Command::Run { services } => run::run(loaded.config, &services),
        Command::Services => print::services(),
        Command::Config => print::config(&loaded),
        Command::Doctor => doctor::run(&loaded.config),
        Command::Migrate => serve::migrate(loaded.config),
        Command::Probe { live } => probe::run(&loaded.config, live),
        Command::Backup(action) => backup::run(&loaded.config, &action),
        Command::Restore { at, snapshot } => restore::run(&loaded.config, at, snapshot.as_deref()),
        Command::Export { to } => export::run(&loaded.config, &to),
        Command::Import { from } => import::run(&loaded.config, &from),
        Command::Openapi => serve::openapi(),
        Command::Manifests { target, deploy } => manifests::run(target, &deploy),
        Command::Token { url, ca, email } => token::run(&loaded.config, url.as_deref(), ca.as_deref(), &email),
        Command::NewService { name } => new_service::run(&name, Path::new(".")),
        Command::BreachedPasswords { from, to, seen_at_least } => breached_passwords::run(&from, &to, seen_at_least),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "nexus", &mut script);
            print(&String::from_utf8(script)?)
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("starting the runtime")
}

/// Writes to standard output; a reader that went away (`nexus services | head`) is no error.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Writes to standard output with colours, where that is a terminal; false when the reader went away.
fn show(text: &str) -> anyhow::Result<bool> {
    let mut output = anstream::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(true),
    }
}

fn load(settings: &Settings) -> anyhow::Result<Loaded> {
    let standard = PathBuf::from("nexus.toml");
    let file = match &settings.config {
        Some(file) if !file.is_file() => {
            anyhow::bail!("{} does not exist; --config names the configuration file", file.display())
        }
        Some(file) => Some(file.clone()),
        None => Some(standard).filter(|file| file.is_file()),
    };
    let mut flags = Dict::new();
    if let Some(data) = &settings.data {
        let data = data.to_str().context("--data must be valid UTF-8")?;
        flags.insert("data".to_owned(), Value::from(data));
    }
    if let Some(listen) = settings.listen {
        flags.insert("listen".to_owned(), Value::from(listen.to_string()));
    }
    Ok(Loaded::read(file.as_deref(), flags)?)
}
