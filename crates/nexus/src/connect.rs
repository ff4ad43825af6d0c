//! Connections to a running system, with TLS where its address says https.

use std::sync::Arc;

use anyhow::Context;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What protects a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// Nothing: for a system on this machine.
    None,
    /// TLS, with the certificates that this machine trusts.
    Tls,
}

impl Security {
    /// The port where the address names none.
    pub(crate) fn standard_port(self) -> u16 {
        match self {
            Self::None => 80,
            Self::Tls => 443,
        }
    }
}

/// Both ways of a connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects.
pub(crate) async fn connect(host: &str, port: u16, security: Security) -> anyhow::Result<Box<dyn Stream>> {
    let plain = TcpStream::connect((host, port)).await.with_context(|| format!("connecting to {host} port {port}"))?;
    match security {
        Security::None => Ok(Box::new(plain)),
        Security::Tls => {
            let name = ServerName::try_from(host.to_owned()).with_context(|| format!("`{host}` is no host name"))?;
            let connector = TlsConnector::from(Arc::new(trust()?));
            Ok(Box::new(connector.connect(name, plain).await.context("the server's certificate is not trusted here")?))
        }
    }
}

fn trust() -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().context("TLS")?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
