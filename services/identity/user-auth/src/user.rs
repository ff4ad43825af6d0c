//! A person's account, and the rules of its roles.

use garde::Validate;
use nexus_contracts::user_auth::EmailAddress;
use nexus_kernel::auth::Role;
use nexus_kernel::{Principal, Resource, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::error::Error;
use crate::name::Name;

/// What a directory says of a person: attributes of SCIM (RFC 7643 section 4.1).
pub(crate) type Entry = Map<String, Value>;

/// A person's account.
#[expect(clippy::struct_field_names, reason = "`userName` is what the standard calls it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) tenant: TenantId,
    pub(crate) organisation: Name,
    pub(crate) name: Name,
    pub(crate) email: EmailAddress,
    pub(crate) email_verified_at: Option<Timestamp>,
    /// The name that a directory knows the person by; the address, where none does.
    pub(crate) user_name: String,
    /// What a directory says of the person, where one does.
    pub(crate) entry: Option<Entry>,
    /// The roles of the person's own.
    pub(crate) roles: Vec<Role>,
    /// The roles that the person has because of groups.
    pub(crate) group_roles: Vec<Role>,
    /// Since when nobody may use the account.
    pub(crate) deactivated_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
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

/// Roles from most to least, each once.
pub(crate) fn in_order(mut roles: Vec<Role>) -> Vec<Role> {
    roles.sort_unstable_by(|left, right| right.cmp(left));
    roles.dedup();
    roles
}

impl User {
    /// A member's new account, whose address is yet to be verified.
    pub(crate) fn new(
        id: UserId,
        tenant: TenantId,
        organisation: Name,
        name: Name,
        email: EmailAddress,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            tenant,
            organisation,
            name,
            user_name: email.as_str().to_owned(),
            entry: None,
            email,
            email_verified_at: None,
            roles: vec![Role::Member],
            group_roles: Vec::new(),
            deactivated_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// The same account once its person has accepted an invitation with these roles, which shows whose the address is.
    pub(crate) fn joined(&self, name: Name, roles: &[Role], now: Timestamp) -> (Self, Owners) {
        let roles = in_order(self.roles.iter().chain(roles).copied().collect());
        let changed = Self { roles, email_verified_at: Some(now), ..self.next(now).named(name) };
        let owners = self.owners(&changed);
        (changed, owners)
    }

    /// Whether the account may be used.
    pub(crate) fn is_active(&self) -> bool {
        self.deactivated_at.is_none()
    }

    /// What the person may do: the roles of their own and those of their groups, from most to least.
    pub(crate) fn effective_roles(&self) -> Vec<Role> {
        in_order(self.roles.iter().chain(&self.group_roles).copied().collect())
    }

    /// Whether the organisation can rely on this person as an owner.
    fn is_owner(&self) -> bool {
        self.is_active() && self.roles.contains(&Role::Owner)
    }

    /// What becoming `changed` does to the number of owners.
    fn owners(&self, changed: &Self) -> Owners {
        match (self.is_owner(), changed.is_owner()) {
            (false, true) => Owners::OneMore,
            (true, false) => Owners::OneLess,
            (true, true) | (false, false) => Owners::AsMany,
        }
    }

    /// The next version of the account.
    fn next(&self, now: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self.clone() }
    }

    /// The same account with another name.
    pub(crate) fn with_name(&self, name: Name, now: Timestamp) -> Self {
        self.next(now).named(name)
    }

    /// What a directory says of the name follows.
    fn named(self, name: Name) -> Self {
        let mut named = Self { name, ..self };
        if let Some(entry) = &mut named.entry {
            entry.insert("displayName".to_owned(), named.name.as_str().into());
        }
        named
    }

    /// The same account as a directory describes it. Whoever owns the organisation keeps an address that is known to be theirs.
    pub(crate) fn described(&self, described: Described, now: Timestamp) -> Result<(Self, Owners), Error> {
        let other_address = described.email != self.email;
        if other_address && self.roles.contains(&Role::Owner) {
            return Err(Error::OwnerNotVerified);
        }
        let changed = Self {
            name: described.name,
            user_name: described.user_name,
            email: described.email,
            email_verified_at: self.email_verified_at.filter(|_| !other_address),
            deactivated_at: if described.active { None } else { Some(self.deactivated_at.unwrap_or(now)) },
            entry: Some(described.entry),
            ..self.next(now)
        };
        let owners = self.owners(&changed);
        Ok((changed, owners))
    }

    /// The same account with these roles, as far as the asker may give and take them. Whether an owner is left, the store
    /// decides, as two owners may leave at the same moment.
    pub(crate) fn with_roles(
        &self,
        roles: Vec<Role>,
        asker: &Principal,
        now: Timestamp,
    ) -> Result<(Self, Owners), Error> {
        let roles = in_order(roles);
        let changes_owner = self.roles.contains(&Role::Owner) != roles.contains(&Role::Owner);
        if changes_owner && !asker.roles.contains(&Role::Owner) {
            return Err(Error::OwnerOnly);
        }
        if changes_owner && roles.contains(&Role::Owner) && self.email_verified_at.is_none() {
            return Err(Error::OwnerNotVerified);
        }
        let changed = Self { roles, ..self.next(now) };
        let owners = self.owners(&changed);
        Ok((changed, owners))
    }

    /// The same account, that may be used or not from now on. What happens to an owner's account is for owners to say.
    pub(crate) fn with_activity(
        &self,
        activity: Activity,
        asker: &Principal,
        now: Timestamp,
    ) -> Result<(Self, Owners), Error> {
        self.may_be_administered_by(asker)?;
        let deactivated_at = match activity {
            Activity::Active => None,
            Activity::Deactivated => Some(self.deactivated_at.unwrap_or(now)),
        };
        let changed = Self { deactivated_at, ..self.next(now) };
        let owners = self.owners(&changed);
        Ok((changed, owners))
    }

    /// What the end of the account does to the number of owners, if the asker may end it.
    pub(crate) fn without(&self, asker: &Principal) -> Result<Owners, Error> {
        self.may_be_administered_by(asker)?;
        Ok(if self.is_owner() { Owners::OneLess } else { Owners::AsMany })
    }

    /// Admins run everybody's account but an owner's: else they could make themselves owner through it.
    pub(crate) fn may_be_administered_by(&self, asker: &Principal) -> Result<(), Error> {
        if self.roles.contains(&Role::Owner) && !asker.roles.contains(&Role::Owner) {
            return Err(Error::OwnerOnly);
        }
        Ok(())
    }
}

/// A person as a directory describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) user_name: String,
    pub(crate) name: Name,
    pub(crate) email: EmailAddress,
    pub(crate) active: bool,
    pub(crate) entry: Entry,
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It may.
    Active,
    /// Nobody can sign in to it.
    Deactivated,
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
    /// The person's own roles, from most to least; each role includes those below it.
    #[schema(min_items = 1, max_items = 4, example = json!(["editor"]))]
    roles: Vec<Role>,
    /// The same with the roles of the person's groups: what the person may do after all.
    #[schema(min_items = 1, max_items = 4, example = json!(["admin", "editor"]))]
    effective_roles: Vec<Role>,
    /// Whether the account may be used. Nobody can sign in to one that is deactivated.
    #[schema(example = true)]
    active: bool,
    /// When the account was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// Grows by one with every change; also the `ETag`.
    #[schema(minimum = 1, example = 1)]
    pub(crate) version: i64,
}

impl From<User> for UserProfile {
    fn from(user: User) -> Self {
        Self {
            effective_roles: user.effective_roles(),
            active: user.is_active(),
            id: user.id,
            tenant_id: user.tenant,
            organisation: user.organisation,
            name: user.name,
            email: user.email,
            email_verified: user.email_verified_at.is_some(),
            roles: user.roles,
            created_at: user.created_at,
            updated_at: user.updated_at,
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
        let email = EmailAddress::normalised("ada@example.com");
        User {
            email_verified_at: verified.then_some(NOW),
            roles,
            version: 7,
            ..User::new(UserId(ids.next()), TenantId(ids.next()), name.clone(), name, email, NOW)
        }
    }

    fn asker(role: Role) -> Principal {
        let ids = Ids::new(Clock::manual(NOW));
        Principal {
            user: UserId(ids.next()),
            tenant: TenantId(ids.next()),
            session: ids.next(),
            token_id: ids.next(),
            roles: vec![role],
            scopes: Vec::new(),
            expires_at: NOW,
            client: None,
            authenticated_at: Some(NOW),
            methods: Vec::new(),
            confirmation: None,
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
            match user.with_roles(after.clone(), &asker(by), NOW) {
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
        assert!(matches!(
            unverified.with_roles(vec![Role::Owner], &asker(Role::Owner), NOW),
            Err(Error::OwnerNotVerified)
        ));
        assert!(unverified.with_roles(vec![Role::Editor], &asker(Role::Admin), NOW).is_ok());
    }

    #[test]
    fn what_happens_to_an_owner_is_for_owners_to_say() {
        let owner = user(vec![Role::Owner], true);
        let refused = owner.with_activity(Activity::Deactivated, &asker(Role::Admin), NOW);
        assert!(matches!(refused, Err(Error::OwnerOnly)));
        let (gone, owners) = owner.with_activity(Activity::Deactivated, &asker(Role::Owner), NOW).unwrap();
        assert_eq!((gone.is_active(), owners), (false, Owners::OneLess));
        // Who is not there counts for nothing, and counts again when they are back.
        let (member, owners) = gone.with_roles(vec![Role::Member], &asker(Role::Owner), NOW).unwrap();
        assert_eq!(owners, Owners::AsMany);
        assert_eq!(member.with_activity(Activity::Active, &asker(Role::Admin), NOW).unwrap().1, Owners::AsMany);
        assert_eq!(gone.with_activity(Activity::Active, &asker(Role::Owner), NOW).unwrap().1, Owners::OneMore);
    }

    #[test]
    fn groups_add_to_what_a_person_may_do() {
        let grouped = User { group_roles: vec![Role::Editor, Role::Admin], ..user(vec![Role::Member], true) };
        assert_eq!(grouped.effective_roles(), [Role::Admin, Role::Editor, Role::Member]);
    }
}
