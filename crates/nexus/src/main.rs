//! Nexus COS: the whole cloud in one program.

mod api;
mod archive;
mod assets;
#[cfg(test)]
mod authorization_walk;
mod cli;
mod commands;
mod compose;
mod connect;
mod demo;
mod folder;
mod manifests;
mod sign_in;
mod supervisor;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match commands::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("nexus: {error:#}");
            ExitCode::FAILURE
        }
    }
}
