//! Userinfo (`OpenID` Connect Core section 5.3): what an application may know of the person whose token it holds.

use http::{HeaderMap, StatusCode};
use nexus_contracts::auth_service::AuthService;
use nexus_contracts::token_mgr::{Introspect, TokenMgr, TokenUse};
use nexus_kernel::auth::{AccessClaims, Credentials, Scheme, credentials};
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Problem};
use serde_json::{Map, Value};

use crate::dpop::{self, Use};
use crate::issuer::Issuer;
use crate::oauth_error::{Code, OAuthError};
use crate::person;
use crate::scope::{OPENID, Scope};

/// What the token that a request carries says about its person, as far as its scopes open it.
pub(crate) async fn answer(
    context: &Context,
    method: &str,
    headers: &HeaderMap,
) -> Result<Map<String, Value>, OAuthError> {
    let Credentials { scheme, token } = credentials(headers)
        .map_err(|problem| OAuthError::invalid_token(problem.details().detail))?
        .ok_or_else(|| OAuthError::invalid_token("send an access token as Authorization: Bearer or DPoP"))?;
    // Whoever issued it is asked, as a token whose session has ended must not tell anything any more.
    let answer = TokenMgr::new(&context.mesh).introspect(&Introspect { token: Secret::from(token) }).await?;
    let good = answer.active && answer.token_use == Some(TokenUse::AccessToken);
    let claims = answer.claims.filter(|claims| good && claims.client_id.is_some());
    let claims =
        claims.ok_or_else(|| OAuthError::invalid_token("the access token is not good, or not an application's"))?;
    prove(context, method, headers, scheme, token, &claims).await?;
    let scope = Scope::stored(&claims.scope);
    if !scope.contains(OPENID) {
        return Err(OAuthError::insufficient_scope("the access token lacks the scope openid"));
    }
    let person = AuthService::new(&context.mesh).person(claims.sub, claims.tid).await.map_err(|error| {
        match Problem::from(error) {
            problem if problem.status() == StatusCode::NOT_FOUND => {
                OAuthError::invalid_token("the person is not there any more")
            }
            problem => problem.into(),
        }
    })?;
    Ok(person::claims(&person, &scope))
}

/// A token that is bound to a key needs a proof with it, and one that is not must not pretend (RFC 9449 section 7).
async fn prove(
    context: &Context,
    method: &str,
    headers: &HeaderMap,
    scheme: Scheme,
    token: &str,
    claims: &AccessClaims,
) -> Result<(), OAuthError> {
    let bound = claims.cnf.as_ref().map(|confirmation| confirmation.jkt.as_str());
    match (scheme, bound) {
        (Scheme::Bearer, None) => Ok(()),
        (Scheme::Bearer, Some(_)) => {
            Err(OAuthError::invalid_token("the access token is bound to a key: send it with DPoP and a proof")
                .at_resource())
        }
        (Scheme::DPoP, None) => {
            Err(OAuthError::invalid_token("the access token is bound to no key: send it as Bearer").at_resource())
        }
        (Scheme::DPoP, Some(thumbprint)) => {
            let refused = |why| OAuthError::new(Code::InvalidDpopProof, why).at_resource();
            let endpoint = Issuer::of(context).endpoint("userinfo");
            let purpose = Use { method, uri: &endpoint, token: Some(token) };
            let proof = dpop::read(headers, purpose, context.clock.now()).map_err(OAuthError::at_resource)?;
            let proof = proof.ok_or_else(|| refused("the DPoP proof is missing"))?;
            if proof.thumbprint != thumbprint {
                return Err(refused("the proof is by another key"));
            }
            proof.spend(context, claims.tid).await.map_err(OAuthError::at_resource)
        }
    }
}
