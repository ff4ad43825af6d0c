//! A person's account, and the rules of its roles.

use garde::Validate;
use nexus_contracts::user_auth::EmailAddress;
use nexus_kernel::auth::Role;
use nexus_kernel::{Principal, Resource, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;
use crate::name::Name;

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) tenant: TenantId,
    pub(crate) organisation: Name,
    pub(crate) name: Name,
    pub(crate) email: EmailAddress,
    pub(crate) email_verified_at: Option<Timestamp>,
    pub(crate) roles: Vec<Role>,
    pub(crate) created_at: Timestamp,
    pub(crate) version: i64,
}

/// What policies see of an account. The asker needs no look at the account, so that a refusal does not tell whether it exists.
pub(crate) fn resource(tenant: TenantId, id: UserId) -> Resource {
    Resource::new("Account", id).tenant(tenant).owner(id)
}

/// What a change of roles does to the number of owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owners {
    /// There is one more.
    OneMore,
    /// There is one less.
    OneLess,
    /// There are as many.
    AsMany,
}

impl User {
    /// The same account with these roles, as far as the asker may give and take them. Whether an owner is left, the store
    /// decides, as two owners may leave at the same moment.
    pub(crate) fn with_roles(&self, mut roles: Vec<Role>, asker: &Principal) -> Result<(Self, Owners), Error> {
        roles.sort_unstable_by(|left, right| right.cmp(left));
        roles.dedup();
        let owners = match (self.roles.contains(&Role::Owner), roles.contains(&Role::Owner)) {
            (false, true) => Owners::OneMore,
            (true, false) => Owners::OneLess,
            (true, true) | (false, false) => Owners::AsMany,
        };
        if owners != Owners::AsMany && !asker.roles.contains(&Role::Owner) {
            return Err(Error::OwnerOnly);
        }
        if owners == Owners::OneMore && self.email_verified_at.is_none() {
            return Err(Error::OwnerNotVerified);
        }
        Ok((Self { roles, version: self.version + 1, ..self.clone() }, owners))
    }
}

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct UserProfile {
    /// The account's id.
    id: UserId,
    /// The organisation's id.
    tenant_id: TenantId,
    /// The organisation's name.
    #[schema(example = "Analytical Engines Ltd")]
    organisation: Name,
    /// The person's name.
    name: Name,
    /// The address that the person signs in with.
    email: EmailAddress,
    /// Whether the person has shown that the address is theirs. Nobody can sign in before.
    #[schema(example = true)]
    email_verified: bool,
    /// What the person may do, from most to least; each role includes those below it.
    #[schema(min_items = 1, max_items = 4, example = json!(["editor"]))]
    roles: Vec<Role>,
    /// When the account was made.
    created_at: Timestamp,
    /// Grows by one with every change; also the `ETag`.
    #[schema(minimum = 1, example = 1)]
    pub(crate) version: i64,
}

impl From<User> for UserProfile {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            tenant_id: user.tenant,
            organisation: user.organisation,
            name: user.name,
            email: user.email,
            email_verified: user.email_verified_at.is_some(),
            roles: user.roles,
            created_at: user.created_at,
            version: user.version,
        }
    }
}

impl UserProfile {
    /// Where the next page of a list goes on.
    pub(crate) fn position(&self) -> String {
        self.id.to_string()
    }
}

/// Changes what a person says of themselves.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileChanges {
    /// The new name.
    #[garde(dive)]
    pub(crate) name: Name,
}

/// Says what a person may do from now on.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolesRequest {
    /// All roles that the person has from now on; each includes those below it, `owner` all.
    #[garde(length(min = 1, max = 4))]
    #[schema(min_items = 1, max_items = 4, example = json!(["editor"]))]
    pub(crate) roles: Vec<Role>,
}

#[cfg(test)]
mod tests {
    use nexus_kernel::{Clock, Ids};
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn user(roles: Vec<Role>, verified: bool) -> User {
        let ids = Ids::new(Clock::manual(NOW));
        let name: Name = serde_json::from_str("\"Ada\"").unwrap();
        User {
            id: UserId(ids.next()),
            tenant: TenantId(ids.next()),
            organisation: name.clone(),
            name,
            email: EmailAddress::normalised("ada@example.com"),
            email_verified_at: verified.then_some(NOW),
            roles,
            created_at: NOW,
            version: 7,
        }
    }

    fn asker(role: Role) -> Principal {
        let ids = Ids::new(Clock::manual(NOW));
        Principal {
            user: UserId(ids.next()),
            tenant: TenantId(ids.next()),
            session: ids.next(),
            roles: vec![role],
            scopes: Vec::new(),
            expires_at: NOW,
        }
    }

    fn roles() -> impl Strategy<Value = Vec<Role>> {
        prop::collection::vec(prop::sample::select(Role::ALL.to_vec()), 1..5)
    }

    proptest! {
        /// Whatever is asked for: nobody but an owner changes who is an owner, and roles come out without repeats.
        #[test]
        fn only_owners_change_who_is_an_owner(before in roles(), after in roles(), by in prop::sample::select(Role::ALL.to_vec())) {
            let user = user(before, true);
            let changes_owner = user.roles.contains(&Role::Owner) != after.contains(&Role::Owner);
            match user.with_roles(after.clone(), &asker(by)) {
                Ok((changed, owners)) => {
                    prop_assert!(!changes_owner || by == Role::Owner);
                    prop_assert_eq!(owners != Owners::AsMany, changes_owner);
                    prop_assert!(changed.roles.windows(2).all(|pair| pair[0] > pair[1]));
                    prop_assert!(after.iter().all(|role| changed.roles.contains(role)));
                    prop_assert_eq!(changed.version, user.version + 1);
                }
                Err(error) => prop_assert!(matches!(error, Error::OwnerOnly) && changes_owner && by != Role::Owner),
            }
        }
    }

    #[test]
    fn who_cannot_sign_in_cannot_become_an_owner() {
        let unverified = user(vec![Role::Member], false);
        assert!(matches!(unverified.with_roles(vec![Role::Owner], &asker(Role::Owner)), Err(Error::OwnerNotVerified)));
        assert!(unverified.with_roles(vec![Role::Editor], &asker(Role::Admin)).is_ok());
    }
}
