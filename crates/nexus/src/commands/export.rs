//! `nexus export`: a whole installation into a folder.

use std::path::Path;
use std::process::ExitCode;

use nexus_kernel::config::Config;
use nexus_kernel::{Clock, telemetry};

use super::backup::{again_if_a_blob_went, told};
use crate::archive::{self, Capture};

pub(super) fn run(config: &Config, to: &Path) -> anyhow::Result<ExitCode> {
    let _telemetry = telemetry::install(&config.telemetry)?;
    let clock = Clock::system();
    super::runtime()?.block_on(again_if_a_blob_went(async || {
        let mut capture = Capture::take(config, &clock, None).await?;
        let (pieces, folder) = (capture.pieces(), to.to_owned());
        tokio::task::spawn_blocking(move || archive::write(pieces, &folder)).await??;
        super::print(&format!("Exported to {}: {}\n", to.display(), told(&capture.manifest, capture.held)))
    }))
}
