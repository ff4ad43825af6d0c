//! `nexus breached-passwords`: the file by which passwords that were seen in breaches are refused.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use user_auth::{Built, build_breached_passwords};

pub(super) fn run(list: &Path, file: &Path, seen_at_least: u64) -> anyhow::Result<ExitCode> {
    let Built { passwords, skipped } = build_breached_passwords(list, file, seen_at_least)
        .with_context(|| format!("making {} from {}", file.display(), list.display()))?;
    super::print(&format!(
        "{} knows {passwords} passwords; {skipped} lines were left out.\n\
         Set identity.breached_passwords to it and restart user-auth.\n",
        file.display()
    ))
}
