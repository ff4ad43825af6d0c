//! Certificates from elsewhere, in files that whoever issues them replaces now and then.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::MeshTlsConfig;

use super::{Good, Material, TlsError, names};

/// The files of `mesh.tls`, as one service uses them.
#[derive(Debug)]
pub(super) struct Files {
    service: String,
    paths: MeshTlsConfig,
}

/// When each file was written, and how long it is.
pub(super) type Version = [Option<(SystemTime, u64)>; 3];

impl Files {
    pub(super) fn of(service: &str, paths: &MeshTlsConfig) -> Result<Self, TlsError> {
        let complete = [&paths.ca, &paths.certificate, &paths.key].iter().all(|path| !path.as_os_str().is_empty());
        let files = Self { service: service.to_owned(), paths: paths.clone() };
        complete.then_some(files).ok_or(TlsError::Incomplete)
    }

    /// Changes when a file does, whether it was written over or its name now leads elsewhere.
    pub(super) fn version(&self) -> Version {
        [&self.paths.ca, &self.paths.certificate, &self.paths.key].map(|path| {
            let metadata = path.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    pub(super) fn read(&self) -> Result<Material, TlsError> {
        // Before the files, so that one that changes meanwhile is read again.
        let good = Good::WhileUnchanged(self.version());
        let (authorities, chain) = (certificates(&self.paths.ca)?, certificates(&self.paths.certificate)?);
        let key = PrivateKeyDer::from_pem_file(&self.paths.key).map_err(|error| unusable(&self.paths.key, &error))?;
        if !names::speaks_for(&chain, &self.service) {
            return Err(TlsError::Name { service: self.service.clone() });
        }
        Ok(Material { authorities, chain, key, good })
    }
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unusable = |error: rustls::pki_types::pem::Error| unusable(path, &error);
    let read =
        CertificateDer::pem_file_iter(path).map_err(unusable)?.collect::<Result<Vec<_>, _>>().map_err(unusable)?;
    if read.is_empty() { Err(self::unusable(path, &"it has no certificate")) } else { Ok(read) }
}

fn unusable(path: &Path, cause: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), cause: cause.to_string() }
}
