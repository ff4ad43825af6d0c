//! An application as admins see it.

use nexus_contracts::token_mgr::SigningAlgorithm;
use nexus_kernel::Timestamp;
use nexus_kernel::auth::Role;
use nexus_kernel::config::Secret;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::application::{Application, ApplicationId, AuthenticationMethod, Definition, GrantType};

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Application)]
pub(crate) struct ApplicationView {
    /// Its id.
    client_id: ApplicationId,
    /// What people know it by.
    #[schema(min_length = 1, max_length = 100, example = "Newsroom")]
    name: String,
    /// Where browsers are sent back to, compared letter by letter; https, or http on a loopback address. At most 20.
    #[schema(max_items = 20, example = json!(["https://newsroom.example/callback"]))]
    redirect_uris: Vec<String>,
    /// Where browsers may be sent after signing out. At most 20.
    #[schema(max_items = 20, example = json!(["https://newsroom.example/"]))]
    post_logout_redirect_uris: Vec<String>,
    /// How it shows that it is itself. With `none` it is a public application, and has no secret.
    #[schema(example = "client_secret_basic")]
    token_endpoint_auth_method: AuthenticationMethod,
    /// Its public keys, for `private_key_jwt`: a JSON Web Key Set of 1 to 10 keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// The most that it can ask for: `openid`, `profile`, `email`, `groups`, `offline_access`, `api`, a service, or a service's
    /// action as `content-management:publish`.
    #[schema(min_items = 1, max_items = 50, example = json!(["openid", "profile", "email"]))]
    scopes: Vec<String>,
    /// How it comes to tokens.
    #[schema(min_items = 1, example = json!(["authorization_code", "refresh_token"]))]
    grant_types: Vec<GrantType>,
    /// What it may do when it acts for itself (`client_credentials`).
    #[schema(example = json!([]))]
    roles: Vec<Role>,
    /// How its ID tokens are signed.
    #[schema(value_type = String, example = "ES256")]
    id_token_signed_response_alg: SigningAlgorithm,
    /// Whether all its tokens are bound to a key that it shows with each request (RFC 9449).
    #[schema(example = false)]
    dpop_bound_access_tokens: bool,
    /// Whether it must push its authorization requests first (RFC 9126).
    #[schema(example = false)]
    require_pushed_authorization_requests: bool,
    /// Where it is told that a session has ended (`OpenID` Connect Back-Channel Logout).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000, example = "https://newsroom.example/backchannel-logout")]
    backchannel_logout_uri: Option<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

impl From<Application> for ApplicationView {
    fn from(application: Application) -> Self {
        let Definition {
            name,
            redirect_uris,
            post_logout_redirect_uris,
            token_endpoint_auth_method,
            jwks,
            scopes,
            grant_types,
            roles,
            id_token_signed_response_alg,
            dpop_bound_access_tokens,
            require_pushed_authorization_requests,
            backchannel_logout_uri,
        } = application.definition;
        Self {
            client_id: application.id,
            name,
            redirect_uris,
            post_logout_redirect_uris,
            token_endpoint_auth_method,
            jwks,
            scopes,
            grant_types,
            roles,
            id_token_signed_response_alg,
            dpop_bound_access_tokens,
            require_pushed_authorization_requests,
            backchannel_logout_uri,
            created_at: application.created_at,
            updated_at: application.updated_at,
        }
    }
}

impl ApplicationView {
    /// Where the next page of a list goes on.
    pub(crate) fn position(&self) -> String {
        self.client_id.to_string()
    }
}

/// An application with its new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ApplicationWithSecret)]
pub(crate) struct WithSecret {
    /// The application.
    #[serde(flatten)]
    pub(crate) application: ApplicationView,
    /// Its secret, shown this once; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "nxa_q7Yx0mQ3nV8rT2kLw5Zb9cH4dJ6fG1sA_EpUoXyRiNM")]
    pub(crate) client_secret: Option<Secret>,
}
