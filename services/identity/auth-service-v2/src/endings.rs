//! What an application asks about tokens it holds: what they are (RFC 7662), that they end (RFC 7009), that its person signs out
//! (`OpenID` Connect RP-Initiated Logout).

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use nexus_contracts::session_mgr::{RevocationReason, SessionId};
use nexus_contracts::token_mgr::{self, Introspect, RevokeToken, TokenMgr};
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::application::{Application, ApplicationId};
use crate::grant;
use crate::issuer::Issuer;
use crate::oauth_error::OAuthError;
use crate::parameters::Parameters;
use crate::redirect_uri;
use crate::store;

/// What a token is. Only what belongs to the asker's own organisation is known.
pub(crate) async fn introspect(
    context: &Context,
    application: &Application,
    parameters: &Parameters,
) -> Result<Value, OAuthError> {
    let token = Secret::from(parameters.require("token")?);
    let answer = TokenMgr::new(&context.mesh).introspect(&Introspect { token }).await?;
    let Some(claims) = answer.claims.filter(|claims| answer.active && claims.tid == application.tenant) else {
        return Ok(json!({"active": false}));
    };
    let mut said = serde_json::to_value(&claims).map_err(nexus_kernel::Problem::internal)?;
    said["active"] = json!(true);
    if answer.token_use == Some(token_mgr::TokenUse::AccessToken) {
        said["token_type"] = json!(if claims.cnf.is_some() { "DPoP" } else { "Bearer" });
    }
    Ok(said)
}

/// Ends a token of the application. One that is unknown is done.
pub(crate) async fn revoke(
    context: &Context,
    application: &Application,
    parameters: &Parameters,
) -> Result<(), OAuthError> {
    let token = Secret::from(parameters.require("token")?);
    let request = RevokeToken { token, client_id: application.id.to_string() };
    Ok(TokenMgr::new(&context.mesh).revoke_token(&request).await?)
}

/// What an ID token says about the session that is to end.
#[derive(Debug, Deserialize)]
struct Hint {
    aud: ApplicationId,
    sub: UserId,
    sid: SessionId,
}

/// Signs a person out, as an application asks, and says where the browser goes next. The ID token shows that the application has
/// had something to do with the person; without one, any page could sign people out.
pub(crate) async fn log_out(context: &Context, parameters: &Parameters) -> Result<String, OAuthError> {
    let hint = hint(context, parameters.require("id_token_hint")?).await?;
    if parameters.get("client_id").is_some_and(|client_id| client_id != hint.aud.to_string()) {
        return Err(OAuthError::invalid_request("id_token_hint is of another application"));
    }
    let application = store::applications::by_client_id(context, hint.aud).await?;
    let application =
        application.ok_or_else(|| OAuthError::invalid_request("the application is not there any more"))?;
    let next = next(context, &application, parameters)?;
    let mut reader = context.store.read(application.tenant);
    let grant = store::grants::live(&mut reader, hint.sid).await?;
    if let Some(grant) = grant.filter(|grant| grant.user == hint.sub && grant.application == application.id) {
        let sessions = [hint.sid, SessionId(grant.person_session)];
        for session in sessions {
            grant::order_end(context, application.tenant, session, RevocationReason::SignedOut).await?;
        }
        grant::end_at_once(context, application.tenant, &sessions, RevocationReason::SignedOut).await;
    }
    Ok(next)
}

/// Where the browser goes: only to where the application registered.
fn next(context: &Context, application: &Application, parameters: &Parameters) -> Result<String, OAuthError> {
    let Some(asked) = parameters.get("post_logout_redirect_uri") else { return Ok(Issuer::of(context).page("/")) };
    let registered = &application.definition.post_logout_redirect_uris;
    if !registered.iter().any(|uri| redirect_uri::matches(uri, asked)) {
        return Err(OAuthError::invalid_request("post_logout_redirect_uri is not one that the application registered"));
    }
    Ok(match parameters.get("state") {
        Some(state) => redirect_uri::with(asked, &[("state", state)]),
        None => asked.to_owned(),
    })
}

/// Reads an ID token of ours; it may have expired, as people sign out long after they signed in.
async fn hint(context: &Context, token: &str) -> Result<Hint, OAuthError> {
    let refused = || OAuthError::invalid_request("id_token_hint is no ID token of ours");
    let header = jsonwebtoken::decode_header(token).map_err(|_| refused())?;
    if !matches!(header.alg, Algorithm::ES256 | Algorithm::EdDSA) || header.typ.as_deref() != Some("JWT") {
        return Err(refused());
    }
    let keys: JwkSet = context.mesh.to(token_mgr::SERVICE).get("/.well-known/jwks.json").send().await?.json().await?;
    let key = header.kid.as_deref().and_then(|kid| keys.find(kid)).ok_or_else(refused)?;
    let key = DecodingKey::from_jwk(key).map_err(|_| refused())?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[Issuer::of(context).name()]);
    validation.set_required_spec_claims(&["iss", "aud", "sub"]);
    validation.validate_exp = false;
    validation.validate_aud = false;
    jsonwebtoken::decode::<Hint>(token, &key, &validation).map(|data| data.claims).map_err(|_| refused())
}
