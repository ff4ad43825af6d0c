//! What others say to auth-service. It signs people in by calling user-auth, session-mgr and token-mgr, and announces nothing
//! itself: session-mgr announces the sessions that it starts. auth-service-v2 knows only it and token-mgr: what it has to know of
//! people and sessions, it asks here.

use nexus_kernel::auth::AuthenticationMethod;
use nexus_kernel::mesh::{Mesh, MeshError};
use nexus_kernel::{TenantId, UserId};
use serde::{Deserialize, Serialize};

use crate::session_mgr::{RevocationReason, SessionId, StartedSession};
use crate::user_auth::Person;

/// The service's name.
pub const SERVICE: &str = "auth-service";

/// Asks for a session in which an application acts for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartApplicationSession {
    /// The organisation.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
    /// The application's name, as the list of sessions shows it.
    pub application: String,
    /// How the person proved who they are when they agreed.
    pub methods: Vec<AuthenticationMethod>,
    /// The `User-Agent` of who asks, as it came.
    pub user_agent: String,
    /// The network address of who asks.
    pub address: String,
}

/// A session in which an application acts for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationSession {
    /// The session.
    pub session: StartedSession,
    /// The person, as they were when it began.
    pub person: Person,
}

/// Asks that a session ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndSession {
    /// The organisation.
    pub tenant: TenantId,
    /// Why.
    pub reason: RevocationReason,
}

/// Calls auth-service.
#[derive(Debug, Clone)]
pub struct AuthService<'a> {
    mesh: &'a Mesh,
}

impl<'a> AuthService<'a> {
    /// A client that calls over this mesh.
    pub fn new(mesh: &'a Mesh) -> Self {
        Self { mesh }
    }

    /// Starts a session for an application. 404 when the organisation has no such account, 403 `account-inactive` when it may not
    /// be used, 409 `sign-in-again` when it changed at this moment.
    pub async fn start_application_session(
        &self,
        request: &StartApplicationSession,
    ) -> Result<ApplicationSession, MeshError> {
        self.mesh.to(SERVICE).post("/internal/application-sessions").json(request).send().await?.json().await
    }

    /// Ends a session. Done already, or never there, is done.
    pub async fn end_session(&self, session: SessionId, request: &EndSession) -> Result<(), MeshError> {
        let path = format!("/internal/sessions/{session}/end");
        self.mesh.to(SERVICE).post(&path).json(request).idempotent().send().await.map(drop)
    }

    /// A person; [`MeshError::Refused`] with 404 when the organisation has no such account.
    pub async fn person(&self, user: UserId, tenant: TenantId) -> Result<Person, MeshError> {
        self.mesh.to(SERVICE).get(&format!("/internal/people/{tenant}/{user}")).send().await?.json().await
    }
}
