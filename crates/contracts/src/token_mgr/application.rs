//! What is asked for applications that act for people, or for themselves.

use nexus_kernel::auth::{AuthenticationMethod, Role};
use nexus_kernel::config::Secret;
use nexus_kernel::{TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::IssuedTokens;
use crate::session_mgr::SessionId;

/// What a person lets an application do: whose tokens those of a session are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The application.
    pub client_id: String,
    /// What it may do, separated by spaces (RFC 6749 section 3.3).
    pub scope: String,
    /// The thumbprint of the key that the tokens are bound to (RFC 9449 section 6.1).
    pub confirmation: Option<String>,
}

/// Asks for the next pair of an application's tokens (RFC 6749 section 6). The caller has asked the client who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshGrant {
    /// The refresh token.
    pub refresh_token: Secret,
    /// The application that presents it. A token of another is refused, and stays good.
    pub client_id: String,
    /// The thumbprint of the key that the application has proved to have. Where the tokens are bound to one it has to be that.
    pub confirmation: Option<String>,
    /// Less than what was granted, for the new access token; none for all of it.
    pub scope: Option<String>,
}

/// The next pair of an application's tokens, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshedGrant {
    /// The tokens.
    pub tokens: IssuedTokens,
    /// The organisation.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
    /// What the access token may do.
    pub scope: String,
    /// When the person proved who they are.
    pub authenticated_at: Timestamp,
    /// How they did.
    pub methods: Vec<AuthenticationMethod>,
}

/// Asks for an access token that no refresh token belongs to: for an application that acts for itself (RFC 6749 section 4.4), or
/// one that trades a token in (RFC 8693).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueAccessToken {
    /// The organisation.
    pub tenant: TenantId,
    /// The person, or the application itself.
    pub user: UserId,
    /// The roles.
    pub roles: Vec<Role>,
    /// What the token may do, separated by spaces.
    pub scope: String,
    /// The application.
    pub client_id: String,
    /// The session that the token ends with; none for an application that acts for itself.
    pub session: Option<SessionId>,
    /// When the person proved who they are, where there is a person.
    pub authenticated_at: Option<Timestamp>,
    /// How they did.
    pub methods: Vec<AuthenticationMethod>,
    /// The thumbprint of the key that the token is bound to.
    pub confirmation: Option<String>,
    /// The one other server that the token is meant for; none for our own API.
    pub audience: Option<String>,
    /// How long it is good: at most [`super::LONGEST_LIFETIME`].
    pub lifetime_seconds: u64,
}

/// An access token alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedAccessToken {
    /// The access token.
    pub access_token: Secret,
    /// How long it is good, in seconds.
    pub expires_in: u64,
}

/// How an ID token is signed (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// With P-256; what every library knows.
    #[default]
    ES256,
    /// With Ed25519.
    EdDSA,
}

impl SigningAlgorithm {
    /// The algorithm's name, as in `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

/// Asks for an ID token (`OpenID` Connect Core section 2), or another statement about a person that is meant for an
/// application, as a logout token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignIdToken {
    /// What it says: `aud`, `sub` and `exp` at least. `iss` and `iat` are token-mgr's to say.
    pub claims: Map<String, Value>,
    /// How it is signed.
    pub algorithm: SigningAlgorithm,
    /// The token's type (`typ`), as `logout+jwt`; none for `JWT`.
    #[serde(default)]
    pub kind: Option<String>,
}

/// An ID token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIdToken {
    /// The token.
    pub id_token: Secret,
}

/// Asks what a token is (RFC 7662).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introspect {
    /// The token, of whatever kind.
    pub token: Secret,
}

/// Asks that a token ends (RFC 7009).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeToken {
    /// The token, of whatever kind. With a refresh token its session ends.
    pub token: Secret,
    /// The application that asks: a token of another stays as it is.
    pub client_id: String,
}
