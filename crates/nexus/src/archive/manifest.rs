//! What an archive has.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use nexus_kernel::Timestamp;
use nexus_kernel::store::dump::Total;
use nexus_kernel::store::snapshot::Applied;
use serde::{Deserialize, Serialize};

use super::{Archive, MANIFEST};

/// The version of the archive's own form.
const FORMAT: u32 = 1;
/// Stands where a checksum will, so that the manifest's length is known before.
const UNKNOWN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What an archive has, and the moment that it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of the archive's own form.
    pub(crate) format: u32,
    /// The version of the program that wrote it.
    pub(crate) program: String,
    /// The moment that it shows.
    pub(crate) taken_at: Timestamp,
    /// The services that have state.
    pub(crate) services: BTreeMap<String, ServiceState>,
    /// The blobs, by key.
    pub(crate) blobs: BTreeMap<String, FileState>,
    /// What services keep beside them, by path below the folder of all services.
    pub(crate) files: BTreeMap<String, FileState>,
}

/// A service's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceState {
    /// The steps that made its schema.
    pub(crate) schema: Vec<Applied>,
    /// The number of the last event that it had published.
    pub(crate) head: i64,
    /// The numbers of the last events that it had applied, by their publishers.
    pub(crate) cursors: BTreeMap<String, i64>,
    /// Its tables.
    pub(crate) tables: BTreeMap<String, Total>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    /// How many bytes it has.
    pub(crate) size: u64,
    /// When it was changed last, in microseconds since 1970.
    pub(crate) changed_at: i64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub(crate) sha256: String,
}

impl FileState {
    /// One that has not been read yet.
    pub(crate) fn unread(size: u64, changed_at: i64) -> Self {
        Self { size, changed_at, sha256: UNKNOWN.to_owned() }
    }
}

impl Manifest {
    pub(crate) fn new(taken_at: Timestamp) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at,
            services: BTreeMap::new(),
            blobs: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    /// An archive's manifest, when this program can read the archive.
    pub(crate) fn read(archive: &dyn Archive) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
            program: String,
        }
        let mut bytes = Vec::new();
        let opened = archive.open(MANIFEST);
        let mut file = opened.with_context(|| format!("{MANIFEST} is missing: this is no whole archive"))?;
        file.read_to_end(&mut bytes).with_context(|| format!("reading {MANIFEST}"))?;
        let Format { format, program } =
            serde_json::from_slice(&bytes).with_context(|| format!("{MANIFEST} is not what it must be"))?;
        if format > FORMAT {
            bail!(
                "nexus {program} wrote this archive in a form that this nexus does not know; use that version or a later one"
            );
        }
        serde_json::from_slice(&bytes).with_context(|| format!("{MANIFEST} is not what it must be"))
    }

    /// As it is written.
    pub(crate) fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// How many tables and rows it has.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let tables = || self.services.values().flat_map(|service| service.tables.values());
        (tables().count(), tables().map(|total| total.rows).sum())
    }

    /// How many blobs and other files it has, and their bytes.
    pub(crate) fn file_counts(&self) -> (usize, u64) {
        let files = || self.blobs.values().chain(self.files.values());
        (files().count(), files().map(|file| file.size).sum())
    }
}
