//! Who may do what: one Cedar policy file a service, deny by default.
//!
//! A policy sees `principal` (a `User` in its roles, or `Anonymous::"anonymous"`), `action` (`Action::"publish"`) and `resource`
//! (the kind that the service names, with `tenant`, `owner` and the attributes that it gives). `Role::"owner"` is in
//! `Role::"admin"`, that is in `Role::"editor"`, that is in `Role::"member"`. Before any policy the kernel itself refuses a
//! resource of another tenant, so that no policy can open one.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context as CedarContext, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet,
    Request, RestrictedExpression,
};

use crate::auth::{Principal, Role};
use crate::ids::{TenantId, UserId};
use crate::problem::Problem;

/// The thing that an action is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    kind: &'static str,
    id: String,
    tenant: Option<TenantId>,
    owner: Option<UserId>,
    attributes: Vec<(&'static str, String)>,
}

impl Resource {
    /// A thing of this kind (a Cedar entity type, as `Content`).
    pub fn new(kind: &'static str, id: impl std::fmt::Display) -> Self {
        Self { kind, id: id.to_string(), tenant: None, owner: None, attributes: Vec::new() }
    }

    /// All things of this kind in a tenant, for actions such as listing and creating.
    pub fn all(kind: &'static str, tenant: TenantId) -> Self {
        Self::new(kind, "*").tenant(tenant)
    }

    /// The tenant that it belongs to: nobody of another may touch it.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// The person that it belongs to: `resource.owner` in policies.
    #[must_use]
    pub fn owner(mut self, owner: UserId) -> Self {
        self.owner = Some(owner);
        self
    }

    /// A text that policies look at, as `resource.visibility`.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }
}

/// A service's policies.
#[derive(Debug, Clone)]
pub struct Policies(Arc<PolicySet>);

/// The policy text or a name in a request can't be read.
#[derive(Debug, thiserror::Error)]
#[error("policies of {service}: {reason}")]
pub struct PolicyError {
    service: String,
    reason: String,
}

impl Policies {
    /// Reads Cedar policies.
    pub fn parse(service: &str, text: &str) -> Result<Self, PolicyError> {
        PolicySet::from_str(text)
            .map(|set| Self(Arc::new(set)))
            .map_err(|error| PolicyError { service: service.to_owned(), reason: error.to_string() })
    }

    /// Whether the policies allow it. `None` asks for somebody who is not signed in.
    pub fn allow(&self, principal: Option<&Principal>, action: &str, resource: &Resource) -> Result<bool, Problem> {
        if let (Some(principal), Some(tenant)) = (principal, resource.tenant)
            && principal.tenant != tenant
        {
            return Ok(false);
        }
        let who = who(principal)?;
        let what = uid(resource.kind, &resource.id)?;
        let mut entities = roles()?;
        entities.push(person(&who, principal)?);
        entities.push(thing(&what, resource)?);
        let entities = Entities::from_entities(entities, None).map_err(Problem::internal)?;
        let request =
            Request::new(who, uid("Action", action)?, what, CedarContext::empty(), None).map_err(Problem::internal)?;
        let answer = Authorizer::new().is_authorized(&request, &self.0, &entities);
        for error in answer.diagnostics().errors() {
            tracing::warn!(%error, action, "a policy could not be evaluated and counts as not written");
        }
        Ok(answer.decision() == Decision::Allow)
    }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, Problem> {
    let kind = EntityTypeName::from_str(kind).map_err(Problem::internal)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn who(principal: Option<&Principal>) -> Result<EntityUid, Problem> {
    match principal {
        Some(principal) => uid("User", &principal.user.to_string()),
        None => uid("Anonymous", "anonymous"),
    }
}

fn roles() -> Result<Vec<Entity>, Problem> {
    let mut entities = Vec::with_capacity(Role::ALL.len() + 2);
    for (index, role) in Role::ALL.into_iter().enumerate() {
        let below = match index.checked_sub(1) {
            Some(below) => HashSet::from([uid("Role", Role::ALL[below].as_str())?]),
            None => HashSet::new(),
        };
        entities.push(Entity::new_no_attrs(uid("Role", role.as_str())?, below));
    }
    Ok(entities)
}

fn person(who: &EntityUid, principal: Option<&Principal>) -> Result<Entity, Problem> {
    let Some(principal) = principal else { return Ok(Entity::new_no_attrs(who.clone(), HashSet::new())) };
    let roles = principal.roles.iter().map(|role| uid("Role", role.as_str())).collect::<Result<_, _>>()?;
    let tenant = RestrictedExpression::new_string(principal.tenant.to_string());
    Entity::new(who.clone(), HashMap::from([("tenant".to_owned(), tenant)]), roles).map_err(Problem::internal)
}

fn thing(what: &EntityUid, resource: &Resource) -> Result<Entity, Problem> {
    let mut attributes = HashMap::new();
    if let Some(tenant) = resource.tenant {
        attributes.insert("tenant".to_owned(), RestrictedExpression::new_string(tenant.to_string()));
    }
    if let Some(owner) = resource.owner {
        attributes.insert("owner".to_owned(), RestrictedExpression::new_entity_uid(uid("User", &owner.to_string())?));
    }
    for (name, value) in &resource.attributes {
        attributes.insert((*name).to_owned(), RestrictedExpression::new_string(value.clone()));
    }
    Entity::new(what.clone(), attributes, HashSet::new()).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use uuid::Uuid;

    const TEXT: &str = r#"
        permit (principal in Role::"editor", action == Action::"publish", resource is Content);
        permit (principal is User, action == Action::"update", resource is Content) when { resource.owner == principal };
        permit (principal, action == Action::"watch", resource is Content) when { resource.visibility == "public" };
    "#;

    fn person(tenant: TenantId, role: Role) -> Principal {
        Principal {
            user: UserId(Uuid::now_v7()),
            tenant,
            session: Uuid::now_v7(),
            token_id: Uuid::now_v7(),
            roles: vec![role],
            scopes: Vec::new(),
            expires_at: Timestamp::from_micros(i64::MAX),
            client: None,
            authenticated_at: None,
            methods: Vec::new(),
            confirmation: None,
        }
    }

    #[test]
    fn roles_include_the_roles_below_and_nothing_else_is_allowed() {
        let policies = Policies::parse("test", TEXT).unwrap();
        let tenant = TenantId(Uuid::now_v7());
        let content = Resource::new("Content", "1").tenant(tenant).text("visibility", "private");
        let may = |role, action| policies.allow(Some(&person(tenant, role)), action, &content).unwrap();
        assert!(may(Role::Owner, "publish") && may(Role::Admin, "publish") && may(Role::Editor, "publish"));
        assert!(!may(Role::Member, "publish"));
        assert!(!may(Role::Owner, "erase"));
    }

    #[test]
    fn another_tenants_owner_gets_nothing_even_where_a_policy_would_permit() {
        let policies = Policies::parse("test", TEXT).unwrap();
        let content = Resource::new("Content", "1").tenant(TenantId(Uuid::now_v7())).text("visibility", "public");
        let stranger = person(TenantId(Uuid::now_v7()), Role::Owner);
        assert!(!policies.allow(Some(&stranger), "publish", &content).unwrap());
        assert!(policies.allow(None, "watch", &content).unwrap());
    }

    #[test]
    fn an_owner_of_a_thing_is_recognised() {
        let policies = Policies::parse("test", TEXT).unwrap();
        let tenant = TenantId(Uuid::now_v7());
        let member = person(tenant, Role::Member);
        let own = Resource::new("Content", "1").tenant(tenant).owner(member.user);
        let other = Resource::new("Content", "2").tenant(tenant).owner(UserId(Uuid::now_v7()));
        assert!(policies.allow(Some(&member), "update", &own).unwrap());
        assert!(!policies.allow(Some(&member), "update", &other).unwrap());
    }
}
