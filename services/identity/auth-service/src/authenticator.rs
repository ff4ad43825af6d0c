//! An authenticator app's codes (RFC 6238): six digits of HMAC-SHA-1, new every 30 seconds, as every app knows them.

use std::fmt;

use nexus_kernel::{Ids, Timestamp};
use totp_rs::{Builder, Totp};

use crate::error::Error;

/// Whose codes they are, in the app.
const ISSUER: &str = "Nexus COS";
/// RFC 4226 section 4, R6: 160 bits are recommended.
const SECRET_BYTES: usize = 20;
/// The digits of a code.
pub(crate) const DIGITS: usize = 6;

/// What the app and this service share. Kept only encrypted.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SharedSecret([u8; SECRET_BYTES]);

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(***)")
    }
}

impl SharedSecret {
    /// A new one.
    pub(crate) fn generate(ids: &Ids) -> Self {
        Self(ids.random_bytes())
    }

    /// One that was kept.
    pub(crate) fn kept(bytes: &[u8]) -> Result<Self, Error> {
        bytes.try_into().map(Self).map_err(|_| Error::Corrupt("secret of an authenticator"))
    }

    /// The bytes, for the encryption.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As people type it into an app that has no camera.
    pub(crate) fn base32(&self) -> String {
        totp_rs::Secret::from(self.0.to_vec()).to_base32()
    }

    /// What apps read from a QR code (the `otpauth` format of Google Authenticator).
    pub(crate) fn uri(&self, account: &str) -> Result<String, Error> {
        self.totp(account)?.to_url().map_err(|error| Error::Authenticator(error.to_string()))
    }

    /// The step of which this is the code: of now, or of the one before or after, as clocks differ (RFC 6238 section 5.2).
    pub(crate) fn step_of(&self, code: &str, now: Timestamp) -> Result<Option<i64>, Error> {
        let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
        Ok(self.totp("")?.check(code, seconds).and_then(|step| i64::try_from(step).ok()))
    }

    fn totp(&self, account: &str) -> Result<Totp, Error> {
        // The format has no way to write a colon.
        let account = account.replace(':', "");
        Builder::new()
            .with_secret(self.0.to_vec())
            .with_account_name(account)
            .with_issuer(Some(ISSUER))
            .build()
            .map_err(|error| Error::Authenticator(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::Clock;
    use proptest::prelude::*;

    use super::*;

    /// RFC 6238, appendix B: the secret of the SHA-1 vectors, and their last six digits.
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = SharedSecret::kept(b"12345678901234567890").unwrap();
        for (seconds, code) in VECTORS {
            assert_eq!(secret.step_of(code, at(seconds)).unwrap(), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_one_late_and_not_two() {
        let secret = SharedSecret::kept(b"12345678901234567890").unwrap();
        let step = 1_111_111_111 / 30;
        for (drift, good) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let now = at((step + drift) * 30 + 7);
            assert_eq!(secret.step_of("050471", now).unwrap().is_some(), good, "{drift}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_a_code_or_not(code in ".{0,12}", seconds in 0_i64..20_000_000_000) {
            let secret = SharedSecret::kept(b"12345678901234567890").unwrap();
            prop_assert!(secret.step_of(&code, at(seconds)).is_ok());
        }
    }

    #[test]
    fn apps_can_read_the_address_and_logs_never_show_the_secret() {
        let secret = SharedSecret::generate(&Ids::new(Clock::system()));
        let uri = secret.uri("ada:x@example.com").unwrap();
        assert!(uri.starts_with("otpauth://totp/Nexus%20COS:adax%40example.com?"), "{uri}");
        assert!(uri.contains(&format!("secret={}", secret.base32())) && uri.contains("issuer=Nexus%20COS"), "{uri}");
        assert_eq!(secret.base32().len(), 32);
        assert_eq!(format!("{secret:?}"), "SharedSecret(***)");
    }
}
