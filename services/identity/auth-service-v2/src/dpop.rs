//! Demonstrating Proof of Possession (RFC 9449): a request shows that its sender has the key that a token is bound to.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use nexus_kernel::{Context, TenantId, Timestamp};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::jose::{self, Unverified};
use crate::oauth_error::{Code, OAuthError};
use crate::replay;

/// The header.
const HEADER: &str = "dpop";
/// How old a proof may be, and how far ahead of ours its maker's clock.
const WINDOW: Duration = Duration::from_mins(1);

/// What a proof is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use<'a> {
    /// The request's method.
    pub(crate) method: &'a str,
    /// The address of the endpoint, without query.
    pub(crate) uri: &'a str,
    /// The access token that comes along; none at the token endpoint.
    pub(crate) token: Option<&'a str>,
}

/// A proof that is good, apart from whether it comes for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The thumbprint of its key.
    pub(crate) thumbprint: String,
    id: String,
    made_at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    ath: Option<String>,
}

/// The proof of a request, if it carries one. It has still to be spent.
pub(crate) fn read(headers: &HeaderMap, purpose: Use<'_>, now: Timestamp) -> Result<Option<Proof>, OAuthError> {
    let mut fields = headers.get_all(HEADER).iter();
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(refused("there is more than one DPoP header"));
    }
    let token = field.to_str().map_err(|_| refused("the DPoP header is not text"))?;
    check(token, purpose, now).map(Some)
}

fn check(token: &str, purpose: Use<'_>, now: Timestamp) -> Result<Proof, OAuthError> {
    let unverified =
        Unverified::read(token).ok_or_else(|| refused("the proof can't be read, or its algorithm is not taken"))?;
    if unverified.header.typ.as_deref() != Some("dpop+jwt") {
        return Err(refused("the proof's typ must be dpop+jwt"));
    }
    let key = unverified.key.as_ref().ok_or_else(|| refused("the proof's head names no key"))?;
    let key = jose::public_key(key).map_err(|why| refused(format!("the proof's key {why}")))?;
    let claims: Claims = unverified.verify(&key).ok_or_else(|| refused("the proof's signature or claims are wrong"))?;
    if claims.htm != purpose.method {
        return Err(refused("the proof is for another method"));
    }
    if !is_same_address(&claims.htu, purpose.uri) {
        return Err(refused("the proof is for another address"));
    }
    let made_at = Timestamp::from_seconds(claims.iat);
    // A second has microseconds that `iat` does not tell.
    if now.since(made_at) > WINDOW || made_at.since(now) > WINDOW {
        return Err(refused("the proof is too old, or made by a clock that is ahead"));
    }
    if !(1..=replay::MAX_ID_BYTES).contains(&claims.jti.len()) {
        return Err(refused("the proof's jti is empty or too long"));
    }
    let expected = purpose.token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())));
    if expected.is_some() && claims.ath != expected {
        return Err(refused("the proof is for another access token"));
    }
    let thumbprint = jose::thumbprint(&key).ok_or_else(|| refused("the proof's key has no thumbprint"))?;
    Ok(Proof { thumbprint, id: claims.jti, made_at })
}

/// Compares addresses without query and fragment (RFC 9449 section 4.3).
fn is_same_address(said: &str, ours: &str) -> bool {
    let bare = |text: &str| {
        let mut url = url::Url::parse(text).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    };
    match (bare(said), bare(ours)) {
        (Some(said), Some(ours)) => said == ours,
        _ => false,
    }
}

impl Proof {
    /// Uses the proof up; a second time it is refused.
    pub(crate) async fn spend(&self, context: &Context, tenant: TenantId) -> Result<(), OAuthError> {
        let until = self.made_at.plus(WINDOW * 2);
        let maker = format!("dpop:{}", self.thumbprint);
        if replay::is_first_use(context, tenant, &maker, &self.id, until).await? {
            return Ok(());
        }
        Err(refused("the proof was used before"))
    }
}

fn refused(why: impl Into<String>) -> OAuthError {
    OAuthError::new(Code::InvalidDpopProof, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_compared_as_a_client_writes_it_and_not_as_an_attacker_does() {
        let ours = "https://cloud.example/oauth2/token";
        for same in [ours, "https://cloud.example:443/oauth2/token", "https://CLOUD.example/oauth2/token?x=1#y"] {
            assert!(is_same_address(same, ours), "{same}");
        }
        for other in [
            "",
            "/oauth2/token",
            "http://cloud.example/oauth2/token",
            "https://cloud.example/oauth2/token/",
            "https://evil.example/oauth2/token",
        ] {
            assert!(!is_same_address(other, ours), "{other}");
        }
    }
}
