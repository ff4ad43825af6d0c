//! The token endpoint (RFC 6749 section 3.2): what an application shows, and what it gets for it.

mod by_code;
mod by_device;
mod by_exchange;
mod by_refresh;
mod for_itself;

use http::HeaderMap;
use nexus_kernel::Context;
use nexus_kernel::config::Secret;
use serde::Serialize;
use utoipa::ToSchema;

use crate::application::{Application, GrantType};
use crate::client_authentication;
use crate::dpop::{self, Use};
use crate::grant::Begun;
use crate::issuer::Issuer;
use crate::oauth_error::{Code, OAuthError};
use crate::parameters::{Asker, Parameters};
use crate::person::{self, SignIn};
use crate::scope::{OPENID, Scope};

/// How a token is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AccessTokenUse)]
pub(crate) enum Kind {
    /// Whoever has it may use it (RFC 6750).
    Bearer,
    /// With a proof of possession (RFC 9449).
    DPoP,
}

/// What an application gets (RFC 6749 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OAuthTokens)]
pub(crate) struct TokenReply {
    /// The access token.
    #[schema(value_type = String, example = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl")]
    access_token: Secret,
    /// How it is used.
    token_type: Kind,
    /// How long it is good, in seconds.
    #[schema(minimum = 0, maximum = 3600, example = 300)]
    expires_in: u64,
    /// What it may do.
    #[schema(example = "openid email")]
    scope: String,
    /// Good for one refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    refresh_token: Option<Secret>,
    /// Who the person is, when `openid` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    id_token: Option<Secret>,
    /// What was issued, for a token that was traded in (RFC 8693 section 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "urn:ietf:params:oauth:token-type:access_token")]
    issued_token_type: Option<&'static str>,
}

/// Who asks for tokens, and with which key.
#[derive(Debug)]
struct Request<'a> {
    context: &'a Context,
    asker: &'a Asker,
    parameters: &'a Parameters,
    application: Application,
    /// The thumbprint of the key that the application has.
    confirmation: Option<String>,
}

impl Request<'_> {
    fn kind(&self) -> Kind {
        if self.confirmation.is_some() { Kind::DPoP } else { Kind::Bearer }
    }
}

/// Answers the token endpoint.
pub(crate) async fn answer(
    context: &Context,
    asker: &Asker,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<TokenReply, OAuthError> {
    let application = client_authentication::authenticate(context, asker, headers, parameters).await?;
    let name = parameters.require("grant_type")?;
    let grant = GrantType::named(name)
        .ok_or_else(|| OAuthError::new(Code::UnsupportedGrantType, "there is no such grant_type"))?;
    if !application.definition.has(grant) {
        return Err(OAuthError::new(Code::UnauthorizedClient, format!("the application is not registered for {name}")));
    }
    let confirmation = confirmation(context, headers, &application).await?;
    let request = Request { context, asker, parameters, application, confirmation };
    match grant {
        GrantType::AuthorizationCode => by_code::answer(&request).await,
        GrantType::RefreshToken => by_refresh::answer(&request).await,
        GrantType::ClientCredentials => for_itself::answer(&request).await,
        GrantType::DeviceCode => by_device::answer(&request).await,
        GrantType::TokenExchange => by_exchange::answer(&request).await,
    }
}

/// The key that the application shows that it has; one that has to show one must.
async fn confirmation(
    context: &Context,
    headers: &HeaderMap,
    application: &Application,
) -> Result<Option<String>, OAuthError> {
    let endpoint = Issuer::of(context).endpoint("token");
    let purpose = Use { method: "POST", uri: &endpoint, token: None };
    let Some(proof) = dpop::read(headers, purpose, context.clock.now())? else {
        if application.definition.dpop_bound_access_tokens {
            return Err(OAuthError::new(Code::InvalidDpopProof, "this application must send a DPoP proof"));
        }
        return Ok(None);
    };
    proof.spend(context, application.tenant).await?;
    Ok(Some(proof.thumbprint))
}

/// What an application gets when its grant begins.
async fn reply_for(
    request: &Request<'_>,
    begun: Begun,
    scope: &Scope,
    approval: &crate::code::Approval,
    nonce: Option<&str>,
) -> Result<TokenReply, OAuthError> {
    let id_token = if scope.contains(OPENID) {
        let sign_in = SignIn {
            user: begun.person.user,
            session: begun.tokens.session_id,
            authenticated_at: approval.authenticated_at,
            methods: &approval.methods,
            nonce,
            about: person::claims(&begun.person, scope),
        };
        Some(person::id_token(request.context, &request.application, sign_in).await?)
    } else {
        None
    };
    let renews = request.application.definition.has(GrantType::RefreshToken);
    Ok(TokenReply {
        access_token: begun.tokens.access_token,
        token_type: request.kind(),
        expires_in: begun.tokens.expires_in,
        scope: scope.to_string(),
        refresh_token: renews.then_some(begun.tokens.refresh_token),
        id_token,
        issued_token_type: None,
    })
}
