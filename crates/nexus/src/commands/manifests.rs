//! `nexus manifests`: writes the files with which others run this build's services.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

use crate::compose;
use crate::manifests::{self, Target};

pub(super) fn run(target: Target, root: &Path) -> anyhow::Result<ExitCode> {
    if !root.is_dir() {
        bail!("{} is no folder; run this at the root of the repository, or name its deploy folder", root.display());
    }
    let files = manifests::make(target, &compose::names())?;
    manifests::write(&files, root)?;
    let mut text = String::new();
    for path in files.keys() {
        writeln!(text, "{}", root.join(path).display())?;
    }
    super::print(&text)
}
