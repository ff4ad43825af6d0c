//! What others say to session-mgr, and what it announces: sessions that start and end.

use std::time::Duration;

use nexus_kernel::auth::{AuthenticationMethod, Role};
use nexus_kernel::events::Event;
use nexus_kernel::id_type;
use nexus_kernel::mesh::{Mesh, MeshError};
use nexus_kernel::{TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The service's name.
pub const SERVICE: &str = "session-mgr";

/// How long a session lasts at most, however much it is used.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(30 * 24);

id_type!(
    /// A session's id.
    SessionId
);

/// Asks for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartSession {
    /// The organisation.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
    /// When the person's credentials and roles were looked at; before [`RevokeUserSessions::authenticated_before`] is refused.
    pub authenticated_at: Timestamp,
    /// The client's `User-Agent` (RFC 9110 section 10.1.5), as it came.
    pub user_agent: String,
    /// The client's network address.
    pub address: String,
    /// How the person proved who they are.
    pub methods: Vec<AuthenticationMethod>,
    /// The name of the application that the session is for; none for a person's own.
    pub client: Option<String>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedSession {
    /// Its id.
    pub session_id: SessionId,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
}

/// Why a session was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationReason {
    /// The person signed out there.
    SignedOut,
    /// The person ended it from the list of sessions.
    EndedByPerson,
    /// The person's roles changed, and the session's tokens carry the old ones.
    RolesChanged,
    /// The person changed the password; whoever knew the old one has to go.
    PasswordChanged,
    /// The person's account may not be used any more.
    AccountDeactivated,
    /// A refresh token came twice: somebody has a copy.
    RefreshTokenReused,
    /// The application gave its tokens back.
    TokensRevoked,
    /// It was not used for too long.
    Idle,
    /// The person signed in at more places than are allowed, and this one was used least lately.
    TooManySessions,
    /// It could not be given its tokens.
    NeverBegan,
}

impl RevocationReason {
    /// The name, as in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed-out",
            Self::EndedByPerson => "ended-by-person",
            Self::RolesChanged => "roles-changed",
            Self::PasswordChanged => "password-changed",
            Self::AccountDeactivated => "account-deactivated",
            Self::RefreshTokenReused => "refresh-token-reused",
            Self::TokensRevoked => "tokens-revoked",
            Self::Idle => "idle",
            Self::TooManySessions => "too-many-sessions",
            Self::NeverBegan => "never-began",
        }
    }
}

/// Asks that one session ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeSession {
    /// The organisation.
    pub tenant: TenantId,
    /// Why.
    pub reason: RevocationReason,
}

/// Asks that all of a person's sessions end, and that none starts from what was looked at before that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeUserSessions {
    /// The organisation.
    pub tenant: TenantId,
    /// Sign-ins that looked at the account before this may have seen what no longer holds.
    pub authenticated_before: Timestamp,
    /// Why.
    pub reason: RevocationReason,
    /// The roles that the account has now: those of the person's personal access tokens follow them.
    #[serde(default)]
    pub roles: Vec<Role>,
}

/// A person signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStarted {
    /// The session.
    pub session_id: SessionId,
    /// The person.
    pub user_id: UserId,
    /// What the person signed in from, as "Firefox on Linux".
    pub device: String,
    /// The client's network address.
    pub address: String,
    /// The name of the application that the session is for; none for a person's own.
    #[serde(default)]
    pub client: Option<String>,
}

impl Event for SessionStarted {
    const TYPE: &'static str = "session-mgr.session.started.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.session_id.to_string()
    }
}

/// A session was ended before its time: its access tokens must be refused from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRevoked {
    /// The session.
    pub session_id: SessionId,
    /// The person.
    pub user_id: UserId,
    /// Until when an access token of the session might look good: refuse the session at least until then.
    pub tokens_valid_until: Timestamp,
    /// Why.
    pub reason: RevocationReason,
}

impl Event for SessionRevoked {
    const TYPE: &'static str = "session-mgr.session.revoked.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.session_id.to_string()
    }
}

/// Calls session-mgr.
#[derive(Debug, Clone)]
pub struct SessionMgr<'a> {
    mesh: &'a Mesh,
}

impl<'a> SessionMgr<'a> {
    /// A client that calls over this mesh.
    pub fn new(mesh: &'a Mesh) -> Self {
        Self { mesh }
    }

    /// Starts a session. 409 `sign-in-again` when the account changed since it was looked at.
    pub async fn start(&self, request: &StartSession) -> Result<StartedSession, MeshError> {
        self.mesh.to(SERVICE).post("/internal/sessions").json(request).send().await?.json().await
    }

    /// Ends a session. Done already, or never there, is done.
    pub async fn revoke(&self, session: SessionId, request: &RevokeSession) -> Result<(), MeshError> {
        let path = format!("/internal/sessions/{session}/revoke");
        self.mesh.to(SERVICE).post(&path).json(request).idempotent().send().await.map(drop)
    }

    /// Ends all sessions of a person. Done already is done.
    pub async fn revoke_user(&self, user: UserId, request: &RevokeUserSessions) -> Result<(), MeshError> {
        let path = format!("/internal/users/{user}/revoke");
        self.mesh.to(SERVICE).post(&path).json(request).idempotent().send().await.map(drop)
    }
}
