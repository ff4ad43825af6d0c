//! An authority and two certificates, as files for the mesh and as they are for hyper.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::config::MeshTlsConfig;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ED25519, SanType};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use crate::{CALLEE, CALLER};

pub(crate) struct Certificates(TempDir);

impl Certificates {
    pub(crate) fn make() -> anyhow::Result<Self> {
        let this = Self(tempfile::tempdir()?);
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        this.write("ca.pem", "CERTIFICATE", params.self_signed(&key)?.der())?;
        let issuer = Issuer::new(params, key);
        for service in [CALLEE, CALLER] {
            let key = KeyPair::generate_for(&PKCS_ED25519)?;
            let mut params = CertificateParams::new(vec![format!("{service}.nexus.internal")])?;
            params.subject_alt_names.push(SanType::URI(format!("spiffe://nexus/{service}").try_into()?));
            this.write(&format!("{service}.pem"), "CERTIFICATE", params.signed_by(&key, &issuer)?.der())?;
            this.write(&format!("{service}.key"), "PRIVATE KEY", &key.serialize_der())?;
        }
        Ok(this)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn of(&self, service: &str) -> MeshTlsConfig {
        files(self.folder(), service)
    }

    /// What the mesh uses, without the mesh.
    pub(crate) fn client(&self) -> anyhow::Result<ClientConfig> {
        let MeshTlsConfig { ca, certificate, key } = self.of(CALLER);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca)?)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&rustls::version::TLS13])?.with_root_certificates(roots);
        let chain = vec![CertificateDer::from_pem_file(certificate)?];
        let mut client = builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
        client.alpn_protocols = vec![b"h2".to_vec()];
        Ok(client)
    }

    fn write(&self, name: &str, label: &str, der: &[u8]) -> anyhow::Result<()> {
        let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
        Ok(std::fs::write(self.folder().join(name), text)?)
    }
}

pub(crate) fn files(folder: &Path, service: &str) -> MeshTlsConfig {
    let file = |name: String| -> PathBuf { folder.join(name) };
    MeshTlsConfig {
        ca: file("ca.pem".to_owned()),
        certificate: file(format!("{service}.pem")),
        key: file(format!("{service}.key")),
    }
}
