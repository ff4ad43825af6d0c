//! The installation's own authority, made from `mesh.secret`: the same in every process, without a file or a server that keeps it.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use crate::config::Secret;
use crate::time::Timestamp;

use super::{Good, Material, TlsError, names};

/// What stands before the 32 bytes of an Ed25519 key (RFC 8410 section 7).
const PKCS8_ED25519: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

pub(super) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// The authority of a secret. Key, names, number and dates all follow from the secret or from this code, and an Ed25519
    /// signature has no chance in it, so that every process of every day makes the same bytes.
    pub(super) fn of(secret: &Secret) -> Result<Self, TlsError> {
        let seed: [u8; 32] = names::derive(secret.expose(), b"certificate authority");
        let der = PrivatePkcs8KeyDer::from([&PKCS8_ED25519[..], &seed].concat());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = called("Nexus COS mesh");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(SerialNumber::from(1_u64));
        // Whoever has the secret can make another, so that an end would protect nobody. 9999 stands for no end (RFC 5280
        // section 4.1.2.5).
        params.not_before = OffsetDateTime::UNIX_EPOCH;
        params.not_after = rcgen::date_time_ymd(9999, 12, 31);
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// A certificate for one service with a key of its own. It begins half a life ago and is replaced half a life before its
    /// end, so that clocks may differ by that much.
    pub(super) fn issue(&self, service: &str, life: Duration, now: Timestamp) -> Result<Material, TlsError> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let mut params = CertificateParams::new(vec![names::host(service)])?;
        params.subject_alt_names.push(SanType::URI(names::spiffe(service).try_into()?));
        params.distinguished_name = called(service);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = instant(now.minus(life / 2));
        params.not_after = instant(now.plus(life));
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Material {
            authorities: vec![self.certificate.clone()],
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            good: Good::Between(now.minus(life / 2), now.plus(life / 2)),
        })
    }
}

fn called(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn instant(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_makes_the_same_authority_and_another_secret_makes_another() {
        let of = |secret: &str| Authority::of(&secret.into()).unwrap().certificate;
        assert_eq!(of("one secret"), of("one secret"));
        assert_ne!(of("one secret"), of("another secret"));
    }
}
