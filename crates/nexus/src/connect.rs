//! Connections to a running system, with TLS where its address says https.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What protects a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Security {
    /// Nothing: for a system on this machine.
    None,
    /// TLS.
    Tls(Trust),
}

/// Which certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those of the authorities that this machine knows, and of those in a PEM file where one is given.
    Authorities(Option<PathBuf>),
    /// The one in this PEM file alone, whatever name it is for: that of our own gateway.
    Only(PathBuf),
}

impl Security {
    /// The port where the address names none.
    pub(crate) fn standard_port(&self) -> u16 {
        match self {
            Self::None => 80,
            Self::Tls(_) => 443,
        }
    }
}

/// Both ways of a connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects.
pub(crate) async fn connect(host: &str, port: u16, security: &Security) -> anyhow::Result<Box<dyn Stream>> {
    let plain = TcpStream::connect((host, port)).await.with_context(|| format!("connecting to {host} port {port}"))?;
    match security {
        Security::None => Ok(Box::new(plain)),
        Security::Tls(trust) => {
            let name = ServerName::try_from(host.to_owned()).with_context(|| format!("`{host}` is no host name"))?;
            let connector = TlsConnector::from(Arc::new(trust.config()?));
            Ok(Box::new(connector.connect(name, plain).await.context(trust.refusal())?))
        }
    }
}

impl Trust {
    fn config(&self) -> anyhow::Result<ClientConfig> {
        let provider = ring::default_provider();
        let algorithms = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_safe_default_protocol_versions().context("TLS")?;
        Ok(match self {
            Self::Authorities(file) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                for certificate in file.iter().map(|file| certificates(file)).collect::<Result<Vec<_>, _>>()?.concat() {
                    roots.add(certificate).context("an authority's certificate")?;
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Self::Only(file) => {
                let certificate = certificates(file)?.swap_remove(0);
                let verifier = Arc::new(Only { certificate, algorithms });
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
        })
    }

    /// What a certificate that is not believed means.
    fn refusal(&self) -> String {
        match self {
            Self::Authorities(_) => {
                "the server's certificate is not trusted here; name the file of its authority with --ca".to_owned()
            }
            Self::Only(file) => format!("what listens there does not show the certificate of {}", file.display()),
        }
    }
}

/// The certificates of a PEM file, of which there is at least one.
fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.with_context(|| format!("reading the certificates of {}", file.display()))?;
    if certificates.is_empty() {
        bail!("{} has no certificate", file.display());
    }
    Ok(certificates)
}

/// Believes one certificate. That the other side has its key, the handshake proves as ever.
#[derive(Debug)]
struct Only {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
