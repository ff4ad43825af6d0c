//! Proof Key for Code Exchange (RFC 7636), with SHA-256 alone: `plain` protects from nobody who can see the request.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::oauth_error::OAuthError;
use crate::parameters::Parameters;

/// What an application keeps of its own secret until it comes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge(pub(crate) String);

impl Challenge {
    /// The challenge of an authorization request. It must be there, and by SHA-256.
    pub(crate) fn of(parameters: &Parameters) -> Result<Self, OAuthError> {
        let challenge = parameters.require("code_challenge")?;
        if parameters.get("code_challenge_method") != Some("S256") {
            return Err(OAuthError::invalid_request("code_challenge_method must be S256"));
        }
        if URL_SAFE_NO_PAD.decode(challenge).ok().is_none_or(|bytes| bytes.len() != 32) {
            return Err(OAuthError::invalid_request("code_challenge must be the base64url of a SHA-256"));
        }
        Ok(Self(challenge.to_owned()))
    }

    /// Whether the verifier is the one that the challenge was made from.
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        let readable = (43..=128).contains(&verifier.len())
            && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        let made = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        readable && bool::from(made.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_verifier_of_the_standards_example_meets_its_challenge_and_no_other_does() {
        let asked = Parameters::of(&[("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
        let challenge = Challenge::of(&asked).unwrap();
        assert!(challenge.is_met_by(VERIFIER));
        assert!(
            !challenge.is_met_by(&VERIFIER.to_lowercase())
                && !challenge.is_met_by(CHALLENGE)
                && !challenge.is_met_by("")
        );
    }

    #[test]
    fn there_is_no_way_down_to_plain_or_to_nothing() {
        for pairs in [
            vec![],
            vec![("code_challenge_method", "S256")],
            vec![("code_challenge", CHALLENGE)],
            vec![("code_challenge", CHALLENGE), ("code_challenge_method", "plain")],
            vec![("code_challenge", CHALLENGE), ("code_challenge_method", "s256")],
            vec![("code_challenge", "short"), ("code_challenge_method", "S256")],
        ] {
            assert!(Challenge::of(&Parameters::of(&pairs)).is_err(), "{pairs:?}");
        }
    }
}
