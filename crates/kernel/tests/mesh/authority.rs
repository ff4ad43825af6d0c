//! An authority of the test's own, that writes files as one outside of the installation would.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::Timestamp;
use nexus_kernel::config::{MeshConfig, MeshTlsConfig};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::world::config;

pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// The day on which the tests' clocks begin.
#[derive(Debug)]
struct TestsDay;

impl TimeProvider for TestsDay {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000)))
    }
}

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, issuer: Issuer::new(params, key), folder: tempfile::tempdir().unwrap() }
    }

    /// A certificate for a service, good from a minute before this instant for an hour.
    pub(crate) fn issue(&self, service: &str, now: Timestamp) -> Issued {
        let minute = Duration::from_mins(1);
        self.issue_between(service, now.minus(minute), now.plus(59 * minute))
    }

    pub(crate) fn issue_between(&self, service: &str, from: Timestamp, until: Timestamp) -> Issued {
        let instant = |at: Timestamp| OffsetDateTime::from_unix_timestamp(at.as_seconds()).unwrap();
        let mut params = CertificateParams::new(vec![format!("{service}.nexus.internal")]).unwrap();
        params.subject_alt_names.push(SanType::URI(format!("spiffe://nexus/{service}").try_into().unwrap()));
        (params.not_before, params.not_after) = (instant(from), instant(until));
        let key = KeyPair::generate().unwrap();
        Issued { certificate: params.signed_by(&key, &self.issuer).unwrap().der().clone(), key }
    }

    /// Writes a certificate as files under this name, over what was there, and tells where.
    pub(crate) fn write(&self, name: &str, issued: &Issued) -> MeshConfig {
        let tls = MeshTlsConfig {
            ca: self.file("ca.pem", "CERTIFICATE", &self.certificate),
            certificate: self.file(&format!("{name}.pem"), "CERTIFICATE", &issued.certificate),
            key: self.file(&format!("{name}.key"), "PRIVATE KEY", &issued.key.serialize_der()),
        };
        MeshConfig { tls, secret: "".into(), ..config() }
    }

    fn file(&self, name: &str, label: &str, der: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        write_pem(&path, label, der);
        path
    }

    /// A client of others' making, with this certificate or with none.
    pub(crate) fn client(&self, issued: Option<&Issued>, protocol: &str) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let builder = ClientConfig::builder_with_details(Arc::new(ring::default_provider()), Arc::new(TestsDay))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut client = match issued {
            Some(Issued { certificate, key }) => {
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
                builder.with_client_auth_cert(vec![certificate.clone()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        client.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        client
    }
}

pub(crate) fn write_pem(path: &Path, label: &str, der: &[u8]) {
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    std::fs::write(path, text).unwrap();
}
