//! `nexus token`: signs in at a running system and prints an access token, for scripts.

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use nexus_kernel::config::{Config, Secret};

use crate::api::Api;
use crate::sign_in::sign_in;

/// Holds the password where nothing can be typed or piped.
const VARIABLE: &str = "NEXUS_PASSWORD";

pub(super) fn run(
    config: &Config,
    url: Option<&str>,
    authorities: Option<&Path>,
    email: &str,
) -> anyhow::Result<ExitCode> {
    let api = match url {
        Some(url) => Api::at(url, authorities)?,
        None => Api::own(config, config.listen)?,
    };
    let password = password()?;
    let token = super::runtime()?.block_on(sign_in(&api, email, &password))?;
    super::print(&format!("{}\n", token.expose()))
}

fn password() -> anyhow::Result<Secret> {
    if let Ok(password) = std::env::var(VARIABLE) {
        return Ok(Secret::from(password.as_str()));
    }
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("Password (what you type is shown; pipe it in or set {VARIABLE} to avoid that):");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line).context("reading the password from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!(
            "no password came; pipe it in, as in `pass show nexus | nexus token --email you@example.com`, or set {VARIABLE}"
        );
    }
    Ok(Secret::from(password))
}
