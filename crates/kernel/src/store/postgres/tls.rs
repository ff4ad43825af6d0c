//! Whether the way to PostgreSQL is encrypted, and whom we believe that it is PostgreSQL: `sslmode` and `sslrootcert` of the URL,
//! as libpq names them (PostgreSQL's documentation, section 34.19).
//!
//! `disable` never encrypts. `prefer`, which counts when nothing is said, encrypts where the server can; `require` does always. Both
//! take any certificate, unless `sslrootcert` names authorities. `verify-full` takes one that is the server's by an authority of
//! `sslrootcert`, or of the system. `verify-ca` is taken for `verify-full`: a certificate that is somebody else's is none.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::StoreError;

/// A URL with authorities, unless it names some itself or there are none.
pub(crate) fn with_authorities<'a>(url: &'a str, authorities: &Path) -> Cow<'a, str> {
    let own = Wishes::of(url).is_ok_and(|(_, wishes)| wishes.authorities.is_some());
    if own || authorities.as_os_str().is_empty() {
        return Cow::Borrowed(url);
    }
    let path = authorities.to_string_lossy();
    let sign = if url.contains('?') { '&' } else { '?' };
    Cow::Owned(format!("{url}{sign}sslrootcert={}", utf8_percent_encode(&path, NON_ALPHANUMERIC)))
}

/// What a URL says about encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) mode: SslMode,
    verified: bool,
    authorities: Option<PathBuf>,
}

impl Wishes {
    /// What the URL says, and the URL without it: the client library does not know all of it.
    pub(super) fn of(url: &str) -> Result<(String, Self), StoreError> {
        let mut wishes = Self { mode: SslMode::Prefer, verified: false, authorities: None };
        let Some((base, query)) = url.split_once('?') else { return Ok((url.to_owned(), wishes)) };
        let mut rest = Vec::new();
        for part in query.split('&') {
            match part.split_once('=') {
                Some(("sslmode", mode)) => (wishes.mode, wishes.verified) = self::mode(mode)?,
                Some(("sslrootcert", path)) if !path.is_empty() => {
                    wishes.authorities = Some(PathBuf::from(percent_decode_str(path).decode_utf8_lossy().as_ref()));
                }
                _ => rest.push(part),
            }
        }
        wishes.verified |= wishes.authorities.is_some();
        let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        Ok((url, wishes))
    }

    /// What makes encrypted connections as is wished.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, StoreError> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| StoreError::Config(format!("TLS: {error}")))?;
        let config = if self.verified && self.mode != SslMode::Disable {
            config.with_root_certificates(roots(self.authorities.as_deref())?)
        } else {
            config.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        };
        Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
    }
}

fn mode(name: &str) -> Result<(SslMode, bool), StoreError> {
    match name {
        "disable" => Ok((SslMode::Disable, false)),
        "prefer" => Ok((SslMode::Prefer, false)),
        "require" => Ok((SslMode::Require, false)),
        "verify-ca" | "verify-full" => Ok((SslMode::Require, true)),
        _ => Err(StoreError::Config(format!(
            "the address of PostgreSQL: sslmode={name}; it can be disable, prefer, require or verify-full"
        ))),
    }
}

fn roots(authorities: Option<&Path>) -> Result<RootCertStore, StoreError> {
    let (certificates, place) = match authorities {
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let unusable = |error| StoreError::Config(format!("the authorities in {}: {error}", path.display()));
            (read.map_err(unusable)?, path.display().to_string())
        }
        None => (rustls_native_certs::load_native_certs().certs, "the system's list".to_owned()),
    };
    let mut roots = RootCertStore::empty();
    // A system's list may have some that are not understood.
    let (known, _) = roots.add_parsable_certificates(certificates);
    if known == 0 {
        return Err(StoreError::Config(format!("there is no authority for PostgreSQL's certificate in {place}")));
    }
    Ok(roots)
}

/// Takes any certificate, as `prefer` and `require` say: who listens can't read along, and who stands between can.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_says_is_taken_out_of_it() {
        let (url, wishes) =
            Wishes::of("postgres://a@h/d?sslmode=verify-full&application_name=x&sslrootcert=%2Fa%20b").unwrap();
        assert_eq!(url, "postgres://a@h/d?application_name=x");
        let authorities = Some(PathBuf::from("/a b"));
        assert_eq!(wishes, Wishes { mode: SslMode::Require, verified: true, authorities });
        let (url, wishes) = Wishes::of("postgres://a@h/d").unwrap();
        assert_eq!((url.as_str(), wishes.mode, wishes.verified), ("postgres://a@h/d", SslMode::Prefer, false));
        assert!(Wishes::of("postgres://a@h/d?sslmode=sometimes").is_err());
    }

    #[test]
    fn authorities_are_added_once_and_found_again() {
        let url = with_authorities("postgres://a@h/d?sslmode=verify-full", Path::new("/a&b c%.pem"));
        let (_, wishes) = Wishes::of(&url).unwrap();
        assert_eq!(wishes.authorities, Some(PathBuf::from("/a&b c%.pem")));
        assert_eq!(with_authorities(&url, Path::new("/other")), url);
        assert_eq!(with_authorities("postgres://a@h/d", Path::new("")), "postgres://a@h/d");
    }
}
