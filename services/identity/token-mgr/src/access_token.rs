//! Access tokens: JWTs signed with `EdDSA` (RFC 8037, RFC 9068).

use std::time::Duration;

use jsonwebtoken::{Algorithm, Header, Validation};
use nexus_contracts::token_mgr::{
    ACCESS_TOKEN_LIFETIME, Grant, IssueAccessToken, IssuedAccessToken, LONGEST_LIFETIME, SigningAlgorithm,
};
use nexus_kernel::auth::{ACCESS_TOKEN_TYPE, AUDIENCE, AccessClaims, Confirmation, ISSUER};
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Timestamp};

use crate::error::Error;
use crate::family::Family;
use crate::keys::{KeyRing, SigningKey};

/// Signs an access token.
pub(crate) fn sign(claims: &AccessClaims, key: &SigningKey) -> Result<IssuedAccessToken, Error> {
    let mut header = Header::new(key.jwt_algorithm());
    header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
    header.kid = Some(key.kid.clone());
    let token = jsonwebtoken::encode(&header, claims, &key.encoding_key()?)?;
    let expires_in = u64::try_from(claims.exp - claims.iat).unwrap_or(0);
    Ok(IssuedAccessToken { access_token: Secret::from(token.as_str()), expires_in })
}

/// What the next access token of a family says: good for minutes, and never longer than the family. `grant`: what it may do
/// where it belongs to an application.
pub(crate) fn of_family(context: &Context, family: &Family, grant: Option<&Grant>, now: Timestamp) -> AccessClaims {
    AccessClaims {
        iss: issuer(context, grant.is_some()),
        aud: AUDIENCE.to_owned(),
        sub: family.user,
        tid: family.tenant,
        sid: family.session.0,
        roles: family.roles.clone(),
        scope: grant.map_or_else(String::new, |grant| grant.scope.clone()),
        exp: family.ends(now, ACCESS_TOKEN_LIFETIME).as_seconds(),
        iat: now.as_seconds(),
        jti: context.ids.next(),
        client_id: grant.map(|grant| grant.client_id.clone()),
        auth_time: family.authenticated_at.map(Timestamp::as_seconds),
        amr: family.methods.clone(),
        cnf: grant.and_then(|grant| grant.confirmation.clone()).map(|jkt| Confirmation { jkt }),
    }
}

/// What an access token alone says. `family`: the one that it ends with.
pub(crate) fn alone(
    context: &Context,
    request: IssueAccessToken,
    family: Option<&Family>,
    now: Timestamp,
) -> AccessClaims {
    let jti = context.ids.next();
    let lifetime = Duration::from_secs(request.lifetime_seconds).min(LONGEST_LIFETIME);
    AccessClaims {
        iss: issuer(context, true),
        aud: request.audience.unwrap_or_else(|| AUDIENCE.to_owned()),
        sub: request.user,
        tid: request.tenant,
        sid: family.map_or(jti, |family| family.session.0),
        roles: request.roles,
        scope: request.scope,
        exp: family.map_or(now.plus(lifetime), |family| family.ends(now, lifetime)).as_seconds(),
        iat: now.as_seconds(),
        jti,
        client_id: Some(request.client_id),
        auth_time: request.authenticated_at.map(Timestamp::as_seconds),
        amr: request.methods,
        cnf: request.confirmation.map(|jkt| Confirmation { jkt }),
    }
}

/// Applications and those who trust them look the issuer up; our own clients know it.
pub(crate) fn issuer(context: &Context, of_application: bool) -> String {
    if of_application { context.config.public_url.clone() } else { ISSUER.to_owned() }
}

/// What a signed access token says, for whomever it is meant, if it is ours and has not expired.
pub(crate) async fn read(context: &Context, token: &str) -> Result<Option<AccessClaims>, Error> {
    let Ok(header) = jsonwebtoken::decode_header(token) else { return Ok(None) };
    let Some(kid) = header.kid.filter(|_| header.alg == Algorithm::EdDSA) else { return Ok(None) };
    if header.typ.as_deref() != Some(ACCESS_TOKEN_TYPE) {
        return Ok(None);
    }
    let Some(key) = context.state::<KeyRing>().verifying(context, &kid).await? else { return Ok(None) };
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER, &context.config.public_url]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    validation.validate_aud = false;
    // The injected clock decides; the library knows only the machine's.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<AccessClaims>(token, &key, &validation).map(|data| data.claims);
    Ok(claims.ok().filter(|claims| claims.exp > context.clock.now().as_seconds()))
}

/// The key that signs access tokens now.
pub(crate) async fn key(context: &Context) -> Result<SigningKey, Error> {
    context.state::<KeyRing>().signing(context, SigningAlgorithm::EdDSA).await
}
