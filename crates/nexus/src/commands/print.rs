//! Commands that only print.

use std::fmt::Write;
use std::process::ExitCode;

use nexus_kernel::config::Loaded;
use nexus_kernel::registry::Registry;

use crate::compose;

pub(super) fn services() -> anyhow::Result<ExitCode> {
    let mut text = format!("{:<26} {:<8} {:<14} {}\n", "SERVICE", "PORT", "DOMAIN", "ROUTES");
    for name in compose::names() {
        if let Some(entry) = Registry::built_in().service(name) {
            writeln!(text, "{:<26} {:<8} {:<14} {}", entry.name, entry.port, entry.domain, entry.routes.join(" "))?;
        }
    }
    super::print(&text)
}

pub(super) fn config(loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    for setting in loaded.settings() {
        writeln!(text, "{:<32} = {:<32} # {}", setting.key, setting.value, setting.origin)?;
    }
    super::print(&text)
}
