//! Applications that register themselves (RFC 7591), with a token that an admin made. Without such a token nobody can.

use std::time::Duration;

use garde::Validate;
use nexus_kernel::config::Secret;
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::{Context, Principal, Resource, TenantId, Timestamp, id_type};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::application::{Application, AuthenticationMethod, Definition, GrantType};
use crate::applications;
use crate::error::Error;
use crate::oauth_error::{Code, OAuthError};
use crate::secret::SecretHash;
use crate::store;

/// What registration tokens begin with.
const PREFIX: &str = "nxr_";
/// The longest that one is good.
const MAX_DAYS: i64 = 90;

id_type!(
    /// A registration token's id.
    RegistrationTokenId
);

/// A token with which applications register themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RegistrationToken {
    /// Its id.
    pub(crate) id: RegistrationTokenId,
    #[serde(skip)]
    pub(crate) tenant: TenantId,
    /// What it is for.
    #[schema(example = "Onboarding of partners")]
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// Until when it is good.
    pub(crate) expires_at: Timestamp,
}

impl RegistrationToken {
    /// Where the next page of a list goes on.
    fn position(&self) -> String {
        self.id.to_string()
    }
}

/// Makes a registration token.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrationTokenRequest {
    /// What it is for.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "Onboarding of partners")]
    name: String,
    /// For how many days it is good.
    #[garde(range(min = 1, max = MAX_DAYS))]
    #[schema(minimum = 1, maximum = 90, example = 7)]
    days: i64,
}

/// A registration token with its text, shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct NewRegistrationToken {
    /// What is known of it.
    #[serde(flatten)]
    about: RegistrationToken,
    /// The token.
    #[schema(value_type = String, example = "nxr_q7Yx0mQ3nV8rT2kLw5Zb9cH4dJ6fG1sA_EpUoXyRiNM")]
    token: Secret,
}

/// An organisation's, for the policies.
fn all(principal: &Principal) -> Resource {
    Resource::all("RegistrationToken", principal.tenant)
}

/// Makes a token.
pub(crate) async fn make(
    context: &Context,
    principal: &Principal,
    request: RegistrationTokenRequest,
) -> Result<NewRegistrationToken, Error> {
    context.authorize(principal, "manage-registration-tokens", &all(principal))?;
    let now = context.clock.now();
    let token = Secret::from(format!("{PREFIX}{}", context.ids.random_token()).as_str());
    let about = RegistrationToken {
        id: RegistrationTokenId(context.ids.next()),
        tenant: principal.tenant,
        name: request.name,
        created_at: now,
        expires_at: now.plus(Duration::from_hours(request.days.unsigned_abs() * 24)),
    };
    let mut tx = context.store.begin(principal.tenant).await?;
    store::registration::add(&mut tx, &about, &SecretHash::of(token.expose())).await?;
    tx.commit().await?;
    Ok(NewRegistrationToken { about, token })
}

/// One page of the tokens that are still good.
pub(crate) async fn list(
    context: &Context,
    principal: &Principal,
    page: &Page,
) -> Result<Paged<RegistrationToken>, Error> {
    context.authorize(principal, "manage-registration-tokens", &all(principal))?;
    let tokens = store::registration::page(context, principal.tenant, page).await?;
    Ok(Paged::of(tokens, page, RegistrationToken::position))
}

/// Takes a token back.
pub(crate) async fn delete(context: &Context, principal: &Principal, id: RegistrationTokenId) -> Result<(), Error> {
    context.authorize(principal, "manage-registration-tokens", &all(principal))?;
    let mut tx = context.store.begin(principal.tenant).await?;
    if !store::registration::delete(&mut tx, id).await? {
        return Err(Error::NoSuchToken);
    }
    tx.commit().await?;
    Ok(())
}

/// What an application says of itself (RFC 7591 section 2). What is not known here is ignored, as the standard says.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ClientMetadata)]
pub(crate) struct Metadata {
    /// What people know it by.
    #[schema(example = "Newsroom")]
    client_name: Option<String>,
    /// Where browsers are sent back to.
    #[serde(default)]
    #[schema(example = json!(["https://newsroom.example/callback"]))]
    redirect_uris: Vec<String>,
    /// Where browsers may be sent after signing out.
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    /// How it shows that it is itself; `client_secret_basic` when absent.
    token_endpoint_auth_method: Option<AuthenticationMethod>,
    /// Its public keys.
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// The most that it can ask for, separated by spaces; `openid` when absent.
    #[schema(example = "openid email")]
    scope: Option<String>,
    /// How it comes to tokens; `authorization_code` when absent.
    grant_types: Option<Vec<GrantType>>,
    /// How its ID tokens are signed: `ES256` or `EdDSA`.
    #[schema(value_type = Option<String>)]
    id_token_signed_response_alg: Option<nexus_contracts::token_mgr::SigningAlgorithm>,
    /// Whether all its tokens are bound to a key.
    #[serde(default)]
    dpop_bound_access_tokens: bool,
    /// Whether it must push its authorization requests first.
    #[serde(default)]
    require_pushed_authorization_requests: bool,
    /// Where it is told that a session has ended.
    backchannel_logout_uri: Option<String>,
}

impl Metadata {
    /// Nobody who registers itself acts for itself: that needs roles, which only an admin can give.
    fn definition(self) -> Result<Definition, OAuthError> {
        let grant_types = self.grant_types.unwrap_or_else(|| vec![GrantType::AuthorizationCode]);
        if grant_types.iter().any(|grant| matches!(grant, GrantType::ClientCredentials | GrantType::TokenExchange)) {
            let why = "only an admin registers an application for client_credentials or token-exchange";
            return Err(OAuthError::new(Code::InvalidClientMetadata, why));
        }
        let name = self.client_name.unwrap_or_else(|| "An application that registered itself".to_owned());
        Ok(Definition {
            name,
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            token_endpoint_auth_method: self
                .token_endpoint_auth_method
                .unwrap_or(AuthenticationMethod::ClientSecretBasic),
            jwks: self.jwks,
            scopes: self.scope.as_deref().unwrap_or("openid").split_ascii_whitespace().map(str::to_owned).collect(),
            grant_types,
            roles: Vec::new(),
            id_token_signed_response_alg: self.id_token_signed_response_alg.unwrap_or_default(),
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
            require_pushed_authorization_requests: self.require_pushed_authorization_requests,
            backchannel_logout_uri: self.backchannel_logout_uri,
        })
    }
}

/// Registers an application; what is now known of it, with its secret.
pub(crate) async fn register(context: &Context, token: &str, metadata: Metadata) -> Result<Value, OAuthError> {
    let refused = || OAuthError::invalid_token("the registration token is unknown or no longer good");
    if !token.starts_with(PREFIX) {
        return Err(refused());
    }
    let hash = SecretHash::of(token);
    let found = store::registration::find(context, &hash, context.clock.now()).await?.ok_or_else(refused)?;
    let definition = metadata.definition()?;
    let mut tx = context.store.begin(found.tenant).await?;
    let (application, secret) =
        applications::make(context, &mut tx, found.tenant, definition, &[]).await.map_err(refusal)?;
    tx.commit().await?;
    tracing::info!(application = %application.id, token = %found.id, "an application registered itself");
    Ok(Value::Object(registered(&application, secret.as_ref())))
}

fn refusal(error: Error) -> OAuthError {
    match error {
        Error::Invalid(fields) => {
            let code = if fields.iter().any(|error| error.field.starts_with("redirect_uris")) {
                Code::InvalidRedirectUri
            } else {
                Code::InvalidClientMetadata
            };
            let all: Vec<String> = fields.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
            OAuthError::new(code, all.join("; "))
        }
        Error::TooManyApplications(_) => OAuthError::new(Code::InvalidClientMetadata, error.to_string()),
        other => nexus_kernel::Problem::from(other).into(),
    }
}

/// RFC 7591 section 3.2.1.
fn registered(application: &Application, secret: Option<&Secret>) -> Map<String, Value> {
    let definition = &application.definition;
    let mut reply = json!({
        "client_id": application.id,
        "client_id_issued_at": application.created_at.as_seconds(),
        "client_name": definition.name,
        "redirect_uris": definition.redirect_uris,
        "post_logout_redirect_uris": definition.post_logout_redirect_uris,
        "token_endpoint_auth_method": definition.token_endpoint_auth_method,
        "scope": definition.scopes.join(" "),
        "grant_types": definition.grant_types,
        "response_types": if definition.has(GrantType::AuthorizationCode) { vec!["code"] } else { vec![] },
        "id_token_signed_response_alg": definition.id_token_signed_response_alg.as_str(),
        "dpop_bound_access_tokens": definition.dpop_bound_access_tokens,
        "require_pushed_authorization_requests": definition.require_pushed_authorization_requests,
    });
    let Some(fields) = reply.as_object_mut() else { return Map::new() };
    if let Some(keys) = &definition.jwks {
        fields.insert("jwks".to_owned(), keys.clone());
    }
    if let Some(uri) = &definition.backchannel_logout_uri {
        fields.insert("backchannel_logout_uri".to_owned(), json!(uri));
    }
    if let Some(secret) = secret {
        fields.insert("client_secret".to_owned(), json!(secret.expose()));
        // It does not expire.
        fields.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    std::mem::take(fields)
}
