//! How a certificate says which services its holder speaks for.

use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use rustls::pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;

use crate::config::MeshConfig;

/// The trust domain (SPIFFE ID, section 2.1).
const TRUST_DOMAIN: &str = "spiffe://nexus/";

/// The name by which a service is known to those that it calls.
pub(super) fn spiffe(service: &str) -> String {
    format!("{TRUST_DOMAIN}{service}")
}

/// The name that a service's certificate must have for those that call it, wherever the service is.
pub(in crate::mesh) fn host(service: &str) -> String {
    format!("{service}.nexus.internal")
}

/// The services that a certificate speaks for; the handshake has verified it.
pub(in crate::mesh) fn services(chain: &[CertificateDer<'_>]) -> Vec<String> {
    let Some(Ok(certificate)) = chain.first().map(EndEntityCert::try_from) else { return Vec::new() };
    let names = certificate.valid_uri_names().filter_map(|uri| uri.strip_prefix(TRUST_DOMAIN));
    names.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect()
}

/// Whether a certificate is enough for a service: to call, and to be called.
pub(super) fn speaks_for(chain: &[CertificateDer<'_>], service: &str) -> bool {
    let Some(Ok(certificate)) = chain.first().map(EndEntityCert::try_from) else { return false };
    let called = ServerName::try_from(host(service))
        .is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok());
    called && services(chain).iter().any(|name| name == service)
}

/// What tells the installations of different secrets apart where they share a server. It says nothing about the secret.
pub fn installation(config: &MeshConfig) -> Option<String> {
    let secret = config.secret.expose();
    let bytes: [u8; 4] = (!secret.is_empty()).then(|| derive(secret, b"installation"))?;
    Some(format!("{:08x}", u32::from_be_bytes(bytes)))
}

/// HKDF (RFC 5869) with SHA-256: keys for different uses say nothing about each other or the secret.
pub(super) fn derive<const LENGTH: usize>(secret: &str, usage: &'static [u8]) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    Salt::new(HKDF_SHA256, b"nexus mesh v1")
        .extract(secret.as_bytes())
        .expand(&[usage], Length(LENGTH))
        .and_then(|key| key.fill(&mut bytes))
        .expect("HKDF gives up to 8160 bytes");
    bytes
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn an_installation_is_known_by_its_secret_and_does_not_show_it() {
        let with = |secret: &str| installation(&MeshConfig { secret: secret.into(), ..Config::default().mesh });
        let (a, b) = (with(&"a".repeat(32)).unwrap(), with(&"b".repeat(32)).unwrap());
        assert!(a != b && a.len() == 8 && a == with(&"a".repeat(32)).unwrap());
        assert_eq!(with(""), None);
    }
}
