//! The certificate that the gateway shows to the world, from files that whoever renews it replaces now and then.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use nexus_kernel::config::GatewayTlsConfig;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio::time::Instant;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// HTTP/2 first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the two files has no name.
    #[error("gateway.tls needs both, `certificate` and `key`")]
    Incomplete,
    /// A file that can't be read, or is not what it should be.
    #[error("gateway.tls: {}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The key is not the certificate's, or of a kind that is not known.
    #[error("gateway.tls: {0}")]
    Pair(#[from] rustls::Error),
}

/// When each file was written, and how long it is.
type Version = [Option<(SystemTime, u64)>; 2];

/// A certificate that is read again when its files change.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: GatewayTlsConfig,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    version: Version,
    looked: Instant,
    config: Arc<ServerConfig>,
}

impl Certificate {
    /// Reads it; `None` when none is configured.
    pub(crate) fn open(files: &GatewayTlsConfig) -> Result<Option<Self>, TlsError> {
        let named = |path: &Path| !path.as_os_str().is_empty();
        match (named(&files.certificate), named(&files.key)) {
            (false, false) => Ok(None),
            (true, true) => {
                let version = version(files);
                let current = Current { version, looked: Instant::now(), config: read(files)? };
                Ok(Some(Self { files: files.clone(), current: Mutex::new(current) }))
            }
            _ => Err(TlsError::Incomplete),
        }
    }

    /// What a new connection is greeted with. Files that changed and can't be used leave the certificate as it was: they may be
    /// half written, and are looked at again.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() >= LOOK {
            current.looked = Instant::now();
            let version = version(&self.files);
            if version != current.version {
                match read(&self.files) {
                    Ok(config) => {
                        current.version = version;
                        current.config = config;
                        tracing::info!("the gateway shows its new certificate from now on");
                    }
                    Err(error) => tracing::warn!(%error, "the certificate's files changed and can't be used"),
                }
            }
        }
        Arc::clone(&current.config)
    }
}

fn version(files: &GatewayTlsConfig) -> Version {
    [&files.certificate, &files.key].map(|path| {
        let metadata = path.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn read(files: &GatewayTlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable =
        |path: &Path, cause: &dyn std::fmt::Display| TlsError::File { path: path.to_owned(), cause: cause.to_string() };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(&files.certificate, &error))?;
    if chain.is_empty() {
        return Err(unusable(&files.certificate, &"it has no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, &error))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config =
        builder.with_protocol_versions(&[&TLS13, &TLS12])?.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}
