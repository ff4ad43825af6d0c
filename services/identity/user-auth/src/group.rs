//! A group of people, and the rules of its roles.

use garde::Validate;
use nexus_contracts::user_auth::GroupId;
use nexus_kernel::auth::Role;
use nexus_kernel::{Resource, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::Name;
use crate::user::in_order;

/// The most members of a group, so that what changes for all of them fits into one unit of work.
pub(crate) const MAX_MEMBERS: i64 = 10_000;
/// The most groups of an organisation.
pub(crate) const MAX_GROUPS: i64 = 10_000;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Group {
    /// The group's id.
    pub(crate) id: GroupId,
    /// The organisation's id.
    #[serde(rename = "tenant_id")]
    pub(crate) tenant: TenantId,
    /// The group's name; no two groups of an organisation have the same.
    #[schema(example = "Post-production")]
    pub(crate) name: Name,
    /// The directory's own id of it.
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) external_id: Option<String>,
    /// What its members may do besides what they may anyway, from most to least.
    #[schema(max_items = 3, example = json!(["editor"]))]
    pub(crate) roles: Vec<Role>,
    /// How many people are in it.
    #[schema(minimum = 0, maximum = 10_000, example = 12)]
    pub(crate) members: i64,
    /// When the group was made.
    pub(crate) created_at: Timestamp,
    /// When it or its members last changed.
    pub(crate) updated_at: Timestamp,
    /// Grows by one with every change; also the `ETag`.
    #[schema(minimum = 1, example = 1)]
    pub(crate) version: i64,
}

/// Makes a group.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupRequest {
    /// The group's name.
    #[garde(dive)]
    #[schema(example = "Post-production")]
    pub(crate) name: Name,
    /// What its members may do besides what they may anyway; never `owner`.
    #[garde(length(max = 3), custom(no_owner))]
    #[serde(default)]
    #[schema(max_items = 3, example = json!(["editor"]))]
    pub(crate) roles: Vec<Role>,
}

/// Changes a group.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupChanges {
    /// The new name; as it is when absent.
    #[garde(dive)]
    #[serde(default)]
    pub(crate) name: Option<Name>,
    /// All roles that its members have because of it from now on, never `owner`; as they are when absent.
    #[garde(inner(length(max = 3)), custom(no_owner_among))]
    #[serde(default)]
    #[schema(max_items = 3, example = json!(["editor"]))]
    pub(crate) roles: Option<Vec<Role>>,
}

/// Who owns an organisation is a person's own matter: what hangs on a group could be lost with it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands its context over like this")]
fn no_owner(roles: &[Role], (): &()) -> garde::Result {
    if roles.contains(&Role::Owner) { Err(garde::Error::new("a group can't make owners")) } else { Ok(()) }
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "garde hands both over like this")]
fn no_owner_among(roles: &Option<Vec<Role>>, context: &()) -> garde::Result {
    roles.as_ref().map_or(Ok(()), |roles| no_owner(roles, context))
}

/// What policies see of a group.
pub(crate) fn resource(tenant: TenantId, id: GroupId) -> Resource {
    Resource::new("Group", id).tenant(tenant)
}

impl Group {
    /// A new one.
    pub(crate) fn new(id: GroupId, tenant: TenantId, name: Name, roles: Vec<Role>, now: Timestamp) -> Self {
        let roles = in_order(roles);
        Self { id, tenant, name, external_id: None, roles, members: 0, created_at: now, updated_at: now, version: 1 }
    }

    /// The next version of the group.
    pub(crate) fn next(&self, now: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self.clone() }
    }

    /// The same group with these changes.
    pub(crate) fn with(&self, changes: GroupChanges, now: Timestamp) -> Self {
        let name = changes.name.unwrap_or_else(|| self.name.clone());
        let roles = changes.roles.map_or_else(|| self.roles.clone(), in_order);
        Self { name, roles, ..self.next(now) }
    }

    /// Where the next page of a list goes on.
    pub(crate) fn position(&self) -> String {
        self.id.to_string()
    }
}
