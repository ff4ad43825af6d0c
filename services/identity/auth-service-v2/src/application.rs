//! An application: a program that asks people for leave to act for them, or acts for itself.

use garde::Validate;
use jsonwebtoken::jwk::JwkSet;
use nexus_contracts::token_mgr::SigningAlgorithm;
use nexus_kernel::auth::Role;
use nexus_kernel::problem::FieldError;
use nexus_kernel::{Principal, TenantId, Timestamp, UserId, id_type};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::jose;
use crate::redirect_uri;
use crate::scope::{OFFLINE_ACCESS, Scope};
use crate::secret::SecretHash;

/// The most addresses of each kind that an application has.
const MAX_URIS: usize = 20;
/// The most characters of a name.
const MAX_NAME_CHARACTERS: usize = 100;

id_type!(
    /// An application's id: its `client_id`.
    ApplicationId
);

/// How an application shows that it is itself (RFC 7591 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ClientAuthenticationMethod)]
pub(crate) enum AuthenticationMethod {
    /// Its secret, as user name and password.
    ClientSecretBasic,
    /// Its secret, in the form.
    ClientSecretPost,
    /// A text that it signs with its private key.
    PrivateKeyJwt,
    /// Not at all: it runs where nothing can be kept secret, in a browser or on a phone.
    None,
}

/// How an application comes to tokens (RFC 7591 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrantType {
    /// A person agrees in the browser.
    AuthorizationCode,
    /// It renews what it has.
    RefreshToken,
    /// It acts for itself.
    ClientCredentials,
    /// A person agrees on another device (RFC 8628).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// It trades a token for a narrower one (RFC 8693).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

impl GrantType {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::DeviceCode, Self::TokenExchange];

    /// The name that travels.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == name)
    }
}

/// What an admin says of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
// Its rules are about several fields at once: see `objections`.
#[garde(allow_unvalidated)]
#[serde(deny_unknown_fields)]
#[schema(as = ApplicationDefinition)]
pub(crate) struct Definition {
    /// What people know it by.
    #[schema(min_length = 1, max_length = 100, example = "Newsroom")]
    pub(crate) name: String,
    /// Where browsers are sent back to, compared letter by letter; https, or http on a loopback address. At most 20.
    #[serde(default)]
    #[schema(max_items = 20, example = json!(["https://newsroom.example/callback"]))]
    pub(crate) redirect_uris: Vec<String>,
    /// Where browsers may be sent after signing out. At most 20.
    #[serde(default)]
    #[schema(max_items = 20, example = json!(["https://newsroom.example/"]))]
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// How it shows that it is itself. With `none` it is a public application, and has no secret.
    #[schema(example = "client_secret_basic")]
    pub(crate) token_endpoint_auth_method: AuthenticationMethod,
    /// Its public keys, for `private_key_jwt`: a JSON Web Key Set of 1 to 10 keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) jwks: Option<Value>,
    /// The most that it can ask for: `openid`, `profile`, `email`, `groups`, `offline_access`, `api`, a service, or a service's
    /// action as `content-management:publish`.
    #[schema(min_items = 1, max_items = 50, example = json!(["openid", "profile", "email"]))]
    pub(crate) scopes: Vec<String>,
    /// How it comes to tokens.
    #[schema(min_items = 1, example = json!(["authorization_code", "refresh_token"]))]
    pub(crate) grant_types: Vec<GrantType>,
    /// What it may do when it acts for itself (`client_credentials`); none above yours.
    #[serde(default)]
    #[schema(example = json!([]))]
    pub(crate) roles: Vec<Role>,
    /// How its ID tokens are signed; `ES256` when absent.
    #[serde(default = "standard_algorithm")]
    #[schema(value_type = String, example = "ES256")]
    pub(crate) id_token_signed_response_alg: SigningAlgorithm,
    /// Whether all its tokens are bound to a key that it shows with each request (RFC 9449).
    #[serde(default)]
    #[schema(example = false)]
    pub(crate) dpop_bound_access_tokens: bool,
    /// Whether it must push its authorization requests first (RFC 9126).
    #[serde(default)]
    #[schema(example = false)]
    pub(crate) require_pushed_authorization_requests: bool,
    /// Where it is told that a session has ended (`OpenID` Connect Back-Channel Logout).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000, example = "https://newsroom.example/backchannel-logout")]
    pub(crate) backchannel_logout_uri: Option<String>,
}

fn standard_algorithm() -> SigningAlgorithm {
    SigningAlgorithm::ES256
}

impl Definition {
    /// Everything that is wrong with it. `maker` has the roles of whoever wants it.
    pub(crate) fn objections(&self, maker: &[Role]) -> Vec<FieldError> {
        let mut found = Vec::new();
        let mut object = |field: &str, message: String| found.push(FieldError { field: field.to_owned(), message });
        if !(1..=MAX_NAME_CHARACTERS).contains(&self.name.trim().chars().count())
            || self.name.chars().any(char::is_control)
        {
            object("name", format!("must have 1 to {MAX_NAME_CHARACTERS} characters, and no control characters"));
        }
        for (field, uris) in
            [("redirect_uris", &self.redirect_uris), ("post_logout_redirect_uris", &self.post_logout_redirect_uris)]
        {
            if uris.len() > MAX_URIS {
                object(field, format!("at most {MAX_URIS}"));
            }
            if let Some((index, why)) =
                uris.iter().enumerate().find_map(|(at, uri)| Some((at, redirect_uri::objection(uri)?)))
            {
                object(&format!("{field}[{index}]"), why.to_owned());
            }
        }
        if let Some(why) = self.backchannel_logout_uri.as_deref().and_then(redirect_uri::objection_to_call) {
            object("backchannel_logout_uri", why.to_owned());
        }
        for (field, why) in [
            ("jwks", self.objection_to_keys()),
            ("scopes", self.objection_to_scopes()),
            ("grant_types", self.objection_to_grants().map(str::to_owned)),
            ("redirect_uris", self.objection_to_having_addresses().map(str::to_owned)),
            ("roles", self.objection_to_roles(maker)),
        ] {
            if let Some(why) = why {
                object(field, why);
            }
        }
        found
    }

    fn objection_to_keys(&self) -> Option<String> {
        match (self.token_endpoint_auth_method, &self.jwks) {
            (AuthenticationMethod::PrivateKeyJwt, None) => {
                Some("private_key_jwt needs the application's public keys".to_owned())
            }
            (AuthenticationMethod::PrivateKeyJwt, Some(keys)) => jose::public_keys(keys).err().map(str::to_owned),
            (_, Some(_)) => Some("only private_key_jwt has keys".to_owned()),
            (_, None) => None,
        }
    }

    fn objection_to_scopes(&self) -> Option<String> {
        match Scope::of(self.scopes.iter().map(String::as_str)) {
            Err(why) => Some(why),
            Ok(scope) if scope.is_empty() => Some("name at least one scope".to_owned()),
            Ok(scope) if scope.contains(OFFLINE_ACCESS) && !self.has(GrantType::RefreshToken) => {
                Some("offline_access needs the grant type refresh_token".to_owned())
            }
            Ok(scope) if self.has(GrantType::ClientCredentials) && scope.of_api().is_empty() => {
                Some("client_credentials needs a scope of the API".to_owned())
            }
            Ok(_) => None,
        }
    }

    fn objection_to_grants(&self) -> Option<&'static str> {
        let begins = [GrantType::AuthorizationCode, GrantType::DeviceCode].into_iter().any(|grant| self.has(grant));
        let own = [GrantType::ClientCredentials, GrantType::TokenExchange].into_iter().any(|grant| self.has(grant));
        if self.grant_types.is_empty() {
            return Some("name at least one");
        }
        if self.has(GrantType::RefreshToken) && !begins {
            return Some("refresh_token needs authorization_code or device_code");
        }
        if own && self.is_public() {
            return Some("an application that can't show who it is has neither client_credentials nor token-exchange");
        }
        None
    }

    fn objection_to_having_addresses(&self) -> Option<&'static str> {
        match (self.has(GrantType::AuthorizationCode), self.redirect_uris.is_empty()) {
            (true, true) => Some("authorization_code needs at least one"),
            (false, false) => Some("only authorization_code sends browsers back"),
            _ => None,
        }
    }

    fn objection_to_roles(&self, maker: &[Role]) -> Option<String> {
        if self.has(GrantType::ClientCredentials) == self.roles.is_empty() {
            return Some(
                "name what it may do when it acts for itself, with client_credentials and only then".to_owned(),
            );
        }
        let highest = maker.iter().max();
        self.roles
            .iter()
            .find(|role| highest.is_none_or(|highest| *role > highest))
            .map(|role| format!("{role} is above yours"))
    }

    /// Whether it comes to tokens in this way.
    pub(crate) fn has(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Whether it can keep no secret.
    pub(crate) fn is_public(&self) -> bool {
        self.token_endpoint_auth_method == AuthenticationMethod::None
    }

    /// Whether it has a secret.
    pub(crate) fn has_secret(&self) -> bool {
        use AuthenticationMethod::{ClientSecretBasic, ClientSecretPost};
        matches!(self.token_endpoint_auth_method, ClientSecretBasic | ClientSecretPost)
    }

    /// The most that it can ask for.
    pub(crate) fn scope(&self) -> Scope {
        Scope::stored(&self.scopes.join(" "))
    }

    /// Its public keys.
    pub(crate) fn keys(&self) -> Option<JwkSet> {
        self.jwks.as_ref().and_then(|keys| jose::public_keys(keys).ok())
    }

    /// Whether a person's word, once given, is enough for the next time as well. What answers at an app's own scheme or on a
    /// machine's own address may be somebody else (RFC 8252 section 8.6).
    pub(crate) fn is_recognised_at(&self, redirect_uri: &str) -> bool {
        !self.is_public() || redirect_uri::proves_its_owner(redirect_uri)
    }
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Application {
    pub(crate) id: ApplicationId,
    pub(crate) tenant: TenantId,
    pub(crate) definition: Definition,
    pub(crate) secret: Option<SecretHash>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) version: i64,
}

impl Application {
    /// Who it is when it acts for itself.
    pub(crate) fn itself(&self) -> UserId {
        UserId(self.id.0)
    }

    /// Whether somebody may change it: whoever holds its secret can do what it can do.
    pub(crate) fn is_within(&self, principal: &Principal) -> bool {
        let highest = principal.roles.iter().max();
        self.definition.roles.iter().all(|role| highest.is_some_and(|highest| role <= highest))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(changes: &Value) -> Vec<String> {
        let mut definition = json!({
            "name": "Newsroom", "redirect_uris": ["https://rp.example/cb"], "token_endpoint_auth_method": "client_secret_basic",
            "scopes": ["openid"], "grant_types": ["authorization_code"],
        });
        definition.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let definition: Definition = serde_json::from_value(definition).unwrap();
        definition.objections(&[Role::Admin]).into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_definition_is_checked_as_a_whole() {
        assert!(with(&json!({})).is_empty());
        for (changes, field) in [
            (json!({"name": " "}), "name"),
            (json!({"redirect_uris": ["https://a.example/", "http://a.example/"]}), "redirect_uris[1]"),
            (json!({"redirect_uris": []}), "redirect_uris"),
            (json!({"scopes": []}), "scopes"),
            (json!({"scopes": ["root"]}), "scopes"),
            (json!({"scopes": ["openid", "offline_access"]}), "scopes"),
            (json!({"token_endpoint_auth_method": "private_key_jwt"}), "jwks"),
            (json!({"jwks": {"keys": []}}), "jwks"),
            (json!({"grant_types": ["authorization_code", "client_credentials"], "scopes": ["api"]}), "roles"),
            (json!({"roles": ["member"]}), "roles"),
            (
                json!({"grant_types": ["authorization_code", "client_credentials"], "scopes": ["api"], "roles": ["owner"]}),
                "roles",
            ),
            (
                json!({"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:token-exchange"], "token_endpoint_auth_method": "none"}),
                "grant_types",
            ),
            (json!({"backchannel_logout_uri": "com.example.app:/x"}), "backchannel_logout_uri"),
        ] {
            assert_eq!(with(&changes), [field], "{changes}");
        }
    }
}
