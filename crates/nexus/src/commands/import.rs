//! `nexus import`: a whole installation from a folder.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use nexus_kernel::config::Config;
use nexus_kernel::{Clock, telemetry};

use crate::archive::{self, Archive, Folder};
use crate::folder::DataFolder;

pub(super) fn run(config: &Config, from: &Path) -> anyhow::Result<ExitCode> {
    let _telemetry = telemetry::install(&config.telemetry)?;
    into_here(config, Arc::new(Folder(from.to_owned())), "Imported")
}

/// Imports an archive, and says so.
pub(super) fn into_here(config: &Config, archive: Arc<dyn Archive>, done: &str) -> anyhow::Result<ExitCode> {
    let _folder = DataFolder::take(&config.data)?;
    let imported = super::runtime()?.block_on(archive::import(config, &Clock::system(), archive))?;
    let (tables, rows) = imported.manifest.counts();
    let (files, bytes) = imported.manifest.file_counts();
    super::print(&format!(
        "{done} the state of {}: {tables} tables with {rows} rows and {files} files with {bytes} bytes, all of them compared\n",
        imported.manifest.taken_at
    ))
}
