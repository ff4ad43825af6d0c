//! Access tokens: JWTs signed with `EdDSA` (RFC 8037, RFC 9068).

use nexus_contracts::token_mgr::ACCESS_TOKEN_LIFETIME;
use nexus_kernel::auth::{AUDIENCE, AccessClaims, ISSUER};
use nexus_kernel::config::Secret;
use nexus_kernel::{Ids, Timestamp};

use crate::error::Error;
use crate::family::Family;
use crate::keys::SigningKey;

/// A signed access token and how long it is good, in seconds.
#[derive(Debug)]
pub(crate) struct AccessToken {
    pub(crate) token: Secret,
    pub(crate) expires_in: u64,
}

/// Signs an access token for the family's person, good for minutes and never longer than the family.
pub(crate) fn sign(family: &Family, key: &SigningKey, ids: &Ids, now: Timestamp) -> Result<AccessToken, Error> {
    let claims = claims(family, ids, now);
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(key.kid.clone());
    let token = jsonwebtoken::encode(&header, &claims, &key.encoding_key())?;
    let expires_in = u64::try_from(claims.exp - claims.iat).unwrap_or(0);
    Ok(AccessToken { token: Secret::from(token.as_str()), expires_in })
}

fn claims(family: &Family, ids: &Ids, now: Timestamp) -> AccessClaims {
    AccessClaims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: family.user,
        tid: family.tenant,
        sid: family.session.0,
        roles: family.roles.clone(),
        scope: String::new(),
        exp: now.plus(ACCESS_TOKEN_LIFETIME).min(family.expires_at).as_seconds(),
        iat: now.as_seconds(),
        jti: ids.next(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nexus_contracts::session_mgr::SessionId;
    use nexus_kernel::auth::Role;
    use nexus_kernel::{Clock, TenantId, UserId};

    use super::*;

    #[test]
    fn a_token_never_outlives_its_session() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let ids = Ids::new(Clock::manual(now));
        let family = Family {
            session: SessionId(ids.next()),
            tenant: TenantId(ids.next()),
            user: UserId(ids.next()),
            roles: vec![Role::Owner],
            expires_at: now.plus(Duration::from_secs(42)),
            revoked_at: None,
        };
        let key = SigningKey::generate(&ids, 1, now);
        assert_eq!(sign(&family, &key, &ids, now).unwrap().expires_in, 42);
        let early = Timestamp::from_micros(now.as_micros() - 86_400_000_000);
        assert_eq!(sign(&family, &key, &ids, early).unwrap().expires_in, 300);
    }
}
