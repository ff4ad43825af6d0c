//! An invitation: an admin asks an address to join, with what its person may do from the start. Its link is good once.

use std::time::Duration;

use garde::Validate;
use nexus_contracts::user_auth::{EmailAddress, GroupId};
use nexus_kernel::auth::Role;
use nexus_kernel::{Timestamp, UserId, id_type};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::Name;
use crate::password::NewPassword;
use crate::verification::{TokenHash, VerificationToken};

/// How long a link is good.
pub(crate) const LIFETIME: Duration = Duration::from_hours(7 * 24);
/// How long an invitation is kept that nobody has accepted and whose link has ended.
pub(crate) const KEPT: Duration = Duration::from_hours(30 * 24);
/// The most invitations of an organisation that wait for an answer.
pub(crate) const MAX_PENDING: i64 = 1_000;
/// The most groups that an invitation names.
const MAX_GROUPS: usize = 50;

id_type!(
    /// An invitation's id.
    InvitationId
);

/// An invitation that nobody has accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Invitation {
    /// The invitation's id.
    pub(crate) id: InvitationId,
    /// The address that is invited.
    pub(crate) email: EmailAddress,
    /// The roles that the person will have, from most to least.
    #[schema(min_items = 1, max_items = 4, example = json!(["editor"]))]
    pub(crate) roles: Vec<Role>,
    /// The groups that the person will be in, as far as they are there by then.
    #[schema(max_items = 50)]
    pub(crate) groups: Vec<GroupId>,
    /// Who sent it last.
    pub(crate) invited_by: UserId,
    /// When the address was invited.
    pub(crate) created_at: Timestamp,
    /// When the link that was sent last ends.
    pub(crate) expires_at: Timestamp,
    /// What the store knows of the link that was sent last.
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) token: TokenHash,
}

impl Invitation {
    /// Where the next page of a list goes on.
    pub(crate) fn position(&self) -> String {
        self.id.to_string()
    }
}

/// Invites an address.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationRequest {
    /// The address.
    #[garde(dive)]
    pub(crate) email: EmailAddress,
    /// The roles that the person will have; each includes those below it.
    #[garde(length(min = 1, max = 4))]
    #[serde(default = "member")]
    #[schema(min_items = 1, max_items = 4, example = json!(["editor"]))]
    pub(crate) roles: Vec<Role>,
    /// The groups that the person will be in.
    #[garde(length(max = MAX_GROUPS))]
    #[serde(default)]
    #[schema(max_items = 50)]
    pub(crate) groups: Vec<GroupId>,
}

fn member() -> Vec<Role> {
    vec![Role::Member]
}

/// Shows the link of an invitation.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenRequest {
    /// The token of the link that was mailed to the address.
    #[garde(skip)]
    pub(crate) token: VerificationToken,
}

/// What an invitation is about, for whoever has its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OpenedInvitation {
    /// The organisation's name.
    #[schema(example = "Analytical Engines Ltd")]
    pub(crate) organisation: Name,
    /// The address that is invited.
    pub(crate) email: EmailAddress,
    /// The person's name, where the organisation knows it.
    pub(crate) name: Option<Name>,
    /// When the link ends.
    pub(crate) expires_at: Timestamp,
}

/// Accepts an invitation.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptRequest {
    /// The token of the link that was mailed to the address.
    #[garde(skip)]
    pub(crate) token: VerificationToken,
    /// Your name.
    #[garde(dive)]
    pub(crate) name: Name,
    /// Your password; any characters, 12 or more are recommended.
    #[garde(dive)]
    pub(crate) password: NewPassword,
}
