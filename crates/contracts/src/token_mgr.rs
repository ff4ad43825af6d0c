//! What others say to token-mgr, and what it announces: access tokens, refresh tokens and the families that those form.

mod application;
mod delivery;

use std::time::Duration;

pub use nexus_kernel::auth::{Introspection, TokenUse};

pub use self::application::{
    Grant, Introspect, IssueAccessToken, IssuedAccessToken, RefreshGrant, RefreshedGrant, RevokeToken, SignIdToken,
    SignedIdToken, SigningAlgorithm,
};
pub use self::delivery::{REFRESH_COOKIE, RefreshCookie, RefreshTokenDelivery, TokenReply, TokenType};

use nexus_kernel::auth::{AuthenticationMethod, Role};
use nexus_kernel::config::Secret;
use nexus_kernel::events::Event;
use nexus_kernel::mesh::{Mesh, MeshError};
use nexus_kernel::{TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::session_mgr::SessionId;

/// The service's name.
pub const SERVICE: &str = "token-mgr";

/// How long an access token is good. It may end sooner, with its session.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_mins(5);

/// The longest that an access token without a session, or an ID token, may be good.
pub const LONGEST_LIFETIME: Duration = Duration::from_hours(1);

/// Asks for a session's first pair of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueTokens {
    /// The session; it has one family of tokens, and a second request for the same session is refused.
    pub session_id: SessionId,
    /// The organisation.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
    /// The person's roles, the same in every token of the family.
    pub roles: Vec<Role>,
    /// When the session ends; no token of the family is good after it.
    pub expires_at: Timestamp,
    /// When the person proved who they are.
    pub authenticated_at: Timestamp,
    /// How they did.
    pub methods: Vec<AuthenticationMethod>,
    /// The application that the session is for; none for a person's own.
    pub grant: Option<Grant>,
}

/// Says that a signed-in person has proved once more who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUp {
    /// The session in which they did; not one of an application.
    pub session_id: SessionId,
    /// The organisation.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
    /// When.
    pub authenticated_at: Timestamp,
    /// How.
    pub methods: Vec<AuthenticationMethod>,
}

/// Asks that a session's tokens end. What is not there yet is kept from ever being.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeFamily {
    /// The organisation.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
    /// When the session would have ended by itself.
    pub expires_at: Timestamp,
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountState {
    /// It may.
    Active,
    /// It may not, and its personal access tokens are gone for good.
    Deactivated,
}

/// Says what an account has become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChanged {
    /// The organisation.
    pub tenant: TenantId,
    /// When. Tokens of sign-ins that looked at the account before end, and older news say nothing new.
    pub changed_at: Timestamp,
    /// The roles that it has.
    pub roles: Vec<Role>,
    /// Whether it may be used.
    pub state: AccountState,
}

/// A pair of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedTokens {
    /// The session that they belong to.
    pub session_id: SessionId,
    /// The access token: a JWT signed with `EdDSA`.
    pub access_token: Secret,
    /// How long the access token is good, in seconds.
    pub expires_in: u64,
    /// The refresh token: good once.
    pub refresh_token: Secret,
    /// How long the session still lasts, in seconds.
    pub refresh_expires_in: u64,
}

/// A session's tokens were refreshed: the session is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensRefreshed {
    /// The session.
    pub session_id: SessionId,
    /// When.
    pub refreshed_at: Timestamp,
}

impl Event for TokensRefreshed {
    const TYPE: &'static str = "token-mgr.tokens.refreshed.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.session_id.to_string()
    }
}

/// A refresh token came a second time: somebody has a copy, so the whole family has ended (RFC 9700 section 4.14.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshTokenReused {
    /// The session.
    pub session_id: SessionId,
    /// The person.
    pub user_id: UserId,
}

impl Event for RefreshTokenReused {
    const TYPE: &'static str = "token-mgr.refresh-token.reused.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.session_id.to_string()
    }
}

/// Why a session's tokens ended before their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FamilyEnd {
    /// The session was revoked.
    Revoked,
    /// The application gave its refresh token back.
    Returned,
    /// A refresh token came twice.
    Reused,
    /// They were not used for too long.
    Idle,
}

/// A session's tokens have ended before their time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFamilyEnded {
    /// The session.
    pub session_id: SessionId,
    /// The person.
    pub user_id: UserId,
    /// The application that the session was for.
    pub client_id: Option<String>,
    /// Why.
    pub reason: FamilyEnd,
}

impl Event for TokenFamilyEnded {
    const TYPE: &'static str = "token-mgr.family.ended.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.session_id.to_string()
    }
}

/// One access token must be refused from now on, whatever becomes of its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenRevoked {
    /// The token's own id (`jti`).
    pub token_id: Uuid,
    /// Until when it might look good.
    pub valid_until: Timestamp,
}

impl Event for AccessTokenRevoked {
    const TYPE: &'static str = "token-mgr.access-token.revoked.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.token_id.to_string()
    }
}

/// What a token is for that is good for months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiTokenKind {
    /// For its person's own programs.
    Personal,
    /// For a program of the organisation.
    Service,
}

impl ApiTokenKind {
    /// The kind's name, as in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Service => "service",
        }
    }
}

/// Somebody made a token that is good for months.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiTokenCreated {
    /// The token's id.
    pub token_id: Uuid,
    /// What it is for.
    pub kind: ApiTokenKind,
    /// Who made it.
    pub user_id: UserId,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Event for ApiTokenCreated {
    const TYPE: &'static str = "token-mgr.api-token.created.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.token_id.to_string()
    }
}

/// A token that was good for months was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiTokenRevoked {
    /// The token's id.
    pub token_id: Uuid,
    /// What it was for.
    pub kind: ApiTokenKind,
    /// Whose it was, or who had made it.
    pub user_id: UserId,
}

impl Event for ApiTokenRevoked {
    const TYPE: &'static str = "token-mgr.api-token.revoked.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.token_id.to_string()
    }
}

/// Calls token-mgr.
#[derive(Debug, Clone)]
pub struct TokenMgr<'a> {
    mesh: &'a Mesh,
}

impl<'a> TokenMgr<'a> {
    /// A client that calls over this mesh.
    pub fn new(mesh: &'a Mesh) -> Self {
        Self { mesh }
    }

    /// Issues a session's first pair of tokens. 409 when the session has its family already, or was revoked.
    pub async fn issue(&self, request: &IssueTokens) -> Result<IssuedTokens, MeshError> {
        self.mesh.to(SERVICE).post("/internal/tokens").json(request).send().await?.json().await
    }

    /// Trades an application's refresh token for the next pair. 401 `invalid-refresh-token` when it is not good, or not that
    /// application's; 422 `invalid-scope` when more is asked for than was granted.
    pub async fn refresh(&self, request: &RefreshGrant) -> Result<RefreshedGrant, MeshError> {
        self.mesh.to(SERVICE).post("/internal/refresh").json(request).send().await?.json().await
    }

    /// An access token of the same session that says when and how its person proved once more who they are, as do those that
    /// follow it. 409 `session-ended` when the session has ended.
    pub async fn step_up(&self, request: &StepUp) -> Result<IssuedAccessToken, MeshError> {
        self.mesh.to(SERVICE).post("/internal/step-up").json(request).idempotent().send().await?.json().await
    }

    /// Issues an access token alone. 409 `session-ended` when the session that it should end with has ended.
    pub async fn issue_access_token(&self, request: &IssueAccessToken) -> Result<IssuedAccessToken, MeshError> {
        self.mesh.to(SERVICE).post("/internal/access-tokens").json(request).idempotent().send().await?.json().await
    }

    /// Signs an ID token. 422 `invalid-claims` when its claims are not what one has.
    pub async fn sign_id_token(&self, request: &SignIdToken) -> Result<SignedIdToken, MeshError> {
        self.mesh.to(SERVICE).post("/internal/id-tokens").json(request).idempotent().send().await?.json().await
    }

    /// What a token is: of one that is not good no more than that.
    pub async fn introspect(&self, request: &Introspect) -> Result<Introspection, MeshError> {
        self.mesh.to(SERVICE).post("/internal/tokens/introspect").json(request).idempotent().send().await?.json().await
    }

    /// Ends a token of an application. One that is unknown, or another's, is done.
    pub async fn revoke_token(&self, request: &RevokeToken) -> Result<(), MeshError> {
        self.mesh.to(SERVICE).post("/internal/tokens/revoke").json(request).idempotent().send().await.map(drop)
    }

    /// Says what an account has become: the tokens of its earlier sign-ins end, and its personal access tokens follow it.
    pub async fn account_changed(&self, user: UserId, request: &AccountChanged) -> Result<(), MeshError> {
        let path = format!("/internal/accounts/{user}/changed");
        self.mesh.to(SERVICE).post(&path).json(request).idempotent().send().await.map(drop)
    }

    /// Ends a session's tokens. Done already is done.
    pub async fn revoke_family(&self, session: SessionId, request: &RevokeFamily) -> Result<(), MeshError> {
        let path = format!("/internal/families/{session}/revoke");
        self.mesh.to(SERVICE).post(&path).json(request).idempotent().send().await.map(drop)
    }
}
