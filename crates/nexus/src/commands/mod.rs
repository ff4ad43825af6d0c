//! What each command does.

mod doctor;
mod new_service;
mod print;
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

/// Runs one command; an error is for standard error and exit code 1.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let loaded = load(&arguments.settings)?;
    match arguments.command {
        Command::Up { demo } => serve::up(loaded.config, demo),
        Command::Run { services } => serve::run(loaded.config, &services),
        Command::Services => print::services(),
        Command::Config => print::config(&loaded),
        Command::Doctor => doctor::run(&loaded.config),
        Command::Migrate => serve::migrate(loaded.config),
        Command::Openapi => serve::openapi(),
        Command::Token { url, email } => token::run(&loaded.config, url.as_deref(), &email),
        Command::NewService { name } => new_service::run(&name, Path::new(".")),
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
