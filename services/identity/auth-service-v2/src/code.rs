//! Authorization codes (RFC 6749 section 4.1.2): what a browser carries from a person's yes to the application.

use std::time::Duration;

use nexus_contracts::session_mgr::SessionId;
use nexus_kernel::auth::AuthenticationMethod;
use nexus_kernel::blobs::hex;
use nexus_kernel::{Principal, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::application::ApplicationId;
use crate::authorization::{Asked, Authorization};

/// How long a code is good.
const LIFETIME: Duration = Duration::from_mins(1);

/// Who said yes, and how they had signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Approval {
    pub(crate) user: UserId,
    pub(crate) session: Uuid,
    pub(crate) authenticated_at: Timestamp,
    pub(crate) methods: Vec<AuthenticationMethod>,
}

impl Approval {
    /// This person's; `None` when nobody knows when they signed in.
    pub(crate) fn of(principal: &Principal) -> Option<Self> {
        Some(Self {
            user: principal.user,
            session: principal.session,
            authenticated_at: principal.authenticated_at?,
            methods: principal.methods.clone(),
        })
    }
}

/// What the store knows of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeHash(pub(crate) String);

impl CodeHash {
    /// Of this code.
    pub(crate) fn of(code: &str) -> Self {
        Self(hex(&Sha256::digest(code.as_bytes())))
    }
}

/// A code that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) hash: CodeHash,
    pub(crate) tenant: TenantId,
    pub(crate) application: ApplicationId,
    pub(crate) asked: Asked,
    pub(crate) approval: Approval,
    pub(crate) expires_at: Timestamp,
    pub(crate) spent_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) grant_session: Option<SessionId>,
}

impl Code {
    /// A code for a person's yes to a request.
    pub(crate) fn new(text: &str, authorization: &Authorization, approval: Approval, now: Timestamp) -> Self {
        Self {
            hash: CodeHash::of(text),
            tenant: authorization.tenant,
            application: authorization.application,
            asked: authorization.asked.clone(),
            approval,
            expires_at: now.plus(LIFETIME),
            spent_at: None,
            revoked_at: None,
            grant_session: None,
        }
    }
}
