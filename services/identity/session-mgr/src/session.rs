//! A session: one person, signed in at one place.

use garde::Validate;
use nexus_contracts::device;
use nexus_contracts::session_mgr::{RevocationReason, SessionStarted};
use nexus_contracts::session_mgr::{SESSION_LIFETIME, SessionId, SessionRevoked, StartSession};
use nexus_kernel::auth::AuthenticationMethod;
use nexus_kernel::{Principal, Resource, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;

/// The longest text of an IP address with a zone (RFC 4291 section 2.2, RFC 6874), with room.
const MAX_ADDRESS_BYTES: usize = 64;

/// One person, signed in at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) device: String,
    /// What the person calls the device.
    pub(crate) name: Option<String>,
    pub(crate) address: String,
    pub(crate) methods: Vec<AuthenticationMethod>,
    /// The application that it is for; none for a person's own.
    pub(crate) client: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Session {
    /// A session that begins now. `floor`: looks at the account before it count for nothing.
    pub(crate) fn start(
        id: SessionId,
        request: &StartSession,
        floor: Timestamp,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if request.authenticated_at < floor {
            return Err(Error::SignInAgain);
        }
        let address = &request.address[..request.address.floor_char_boundary(MAX_ADDRESS_BYTES)];
        Ok(Self {
            id,
            tenant: request.tenant,
            user: request.user,
            device: device::name(&request.user_agent),
            name: None,
            address: address.to_owned(),
            methods: request.methods.clone(),
            client: request.client.clone(),
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(SESSION_LIFETIME),
        })
    }

    /// What policies see.
    pub(crate) fn resource(&self) -> Resource {
        Resource::new("Session", self.id).tenant(self.tenant).owner(self.user)
    }

    /// What is announced when it begins.
    pub(crate) fn started(&self) -> SessionStarted {
        SessionStarted {
            session_id: self.id,
            user_id: self.user,
            device: self.device.clone(),
            address: self.address.clone(),
            client: self.client.clone(),
        }
    }

    /// What is announced when it ends before its time. token-mgr learns of it a little later and may issue a token until then;
    /// none outlives the session, so that the session's own end is the one safe bound.
    pub(crate) fn revoked(&self, reason: RevocationReason) -> SessionRevoked {
        SessionRevoked { session_id: self.id, user_id: self.user, tokens_valid_until: self.expires_at, reason }
    }
}

/// Names a device.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenameSession {
    /// What you call it, 1 to 64 characters; `null` to call it by its program and system again.
    #[garde(inner(custom(one_line), length(chars, min = 1, max = 64)))]
    #[schema(min_length = 1, max_length = 64, example = "The laptop in the kitchen")]
    pub(crate) name: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands its context over like this")]
fn one_line(name: &str, (): &()) -> garde::Result {
    if name.trim() == name && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(garde::Error::new("must be one line without space around it"))
}

/// A place where you are signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    /// The session's id.
    id: SessionId,
    /// The program and system, as the client names them.
    #[schema(example = "Firefox on Linux")]
    device: String,
    /// What you call it; absent when you gave it no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The laptop in the kitchen")]
    name: Option<String>,
    /// The application that acts for you in this session; absent when you signed in there yourself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Photo Printer")]
    client: Option<String>,
    /// How you proved who you are: `pwd` a password, `otp` a one-time password, `hwk` a key, `email` a mailed link, `mfa` more
    /// than one of them.
    #[schema(example = json!(["pwd", "otp", "mfa"]))]
    methods: Vec<AuthenticationMethod>,
    /// The network address that it began from; empty when unknown.
    #[schema(example = "203.0.113.7")]
    address: String,
    /// When you signed in there.
    created_at: Timestamp,
    /// When its tokens were last refreshed; at most five minutes before its last request.
    last_seen_at: Timestamp,
    /// Whether it is the one that asks.
    #[schema(example = true)]
    current: bool,
}

impl SessionView {
    /// The session as this person sees it.
    pub(crate) fn of(session: Session, principal: &Principal) -> Self {
        Self {
            current: session.id.0 == principal.session,
            id: session.id,
            device: session.device,
            name: session.name,
            client: session.client,
            methods: session.methods,
            address: session.address,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
        }
    }

    /// Where the next page of a list goes on.
    pub(crate) fn position(&self) -> String {
        self.id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::{Clock, Ids};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn request(authenticated_at: Timestamp) -> (SessionId, StartSession) {
        let ids = Ids::new(Clock::manual(NOW));
        let request = StartSession {
            tenant: TenantId(ids.next()),
            user: UserId(ids.next()),
            authenticated_at,
            user_agent: "curl/8".to_owned(),
            address: "ä".repeat(100),
            methods: vec![AuthenticationMethod::Password],
            client: None,
        };
        (SessionId(ids.next()), request)
    }

    #[test]
    fn a_sign_in_that_saw_an_older_account_is_refused() {
        let (id, old) = request(Timestamp::from_micros(NOW.as_micros() - 1));
        assert!(matches!(Session::start(id, &old, NOW, NOW), Err(Error::SignInAgain)));
        let (id, new) = request(NOW);
        assert!(Session::start(id, &new, NOW, NOW).is_ok());
    }

    #[test]
    fn a_session_ends_by_itself_after_thirty_days_and_its_address_is_short() {
        let (id, request) = request(NOW);
        let session = Session::start(id, &request, NOW, NOW).unwrap();
        assert_eq!(session.expires_at.since(NOW).as_secs(), 30 * 24 * 3_600);
        assert!(session.address.len() <= MAX_ADDRESS_BYTES);
        assert_eq!(session.revoked(RevocationReason::SignedOut).tokens_valid_until, session.expires_at);
    }
}
