//! The person behind an access token.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use super::{AccessClaims, AuthenticationMethod, Credentials, Role, SCOPE_API, Scheme, credentials};
use crate::context::Context;
use crate::ids::{TenantId, UserId};
use crate::problem::Problem;
use crate::time::Timestamp;

/// A signed-in person, as a verified access token names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The person.
    pub user: UserId,
    /// The organisation.
    pub tenant: TenantId,
    /// The session.
    pub session: Uuid,
    /// The token's own id.
    pub token_id: Uuid,
    /// The person's roles.
    pub roles: Vec<Role>,
    /// What the token is limited to; empty for a session's own token.
    pub scopes: Vec<String>,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// The application that acts for the person; none for a session's own token.
    pub client: Option<String>,
    /// When the person last proved who they are.
    pub authenticated_at: Option<Timestamp>,
    /// How they did.
    pub methods: Vec<AuthenticationMethod>,
    /// The thumbprint of the key that the token is bound to.
    pub confirmation: Option<String>,
}

impl From<AccessClaims> for Principal {
    fn from(claims: AccessClaims) -> Self {
        Self {
            user: claims.sub,
            tenant: claims.tid,
            session: claims.sid,
            token_id: claims.jti,
            roles: claims.roles,
            scopes: claims.scope.split_ascii_whitespace().map(str::to_owned).collect(),
            expires_at: Timestamp::from_seconds(claims.exp),
            client: claims.client_id,
            authenticated_at: claims.auth_time.map(Timestamp::from_seconds),
            methods: claims.amr,
            confirmation: claims.cnf.map(|confirmation| confirmation.jkt),
        }
    }
}

impl Principal {
    /// The person who asks this service: of a token that may be used here at all.
    pub(crate) async fn of_request(headers: &HeaderMap, context: &Context) -> Result<Self, Problem> {
        asker(headers, context)
            .await?
            .ok_or_else(|| Problem::unauthorized("not-signed-in", "send an access token as `Authorization: Bearer`"))
    }

    /// Whether the person has this role or one above it.
    pub fn is_at_least(&self, role: Role) -> bool {
        self.roles.iter().any(|held| *held >= role)
    }

    /// Whether the token may do all that its person may. An application's token names what it may do, so that one without
    /// scopes may do nothing.
    pub fn is_unlimited(&self) -> bool {
        self.client.is_none() && self.scopes.is_empty()
    }

    /// Whether the token may be used at this service at all.
    pub fn may_use(&self, service: &str) -> bool {
        self.is_unlimited() || self.scopes.iter().any(|scope| scope == SCOPE_API || service_of(scope) == service)
    }

    /// Whether the token may do this at this service; whether the person may is for the policies.
    pub fn may(&self, service: &str, action: &str) -> bool {
        self.is_unlimited()
            || self
                .scopes
                .iter()
                .any(|scope| scope == SCOPE_API || scope == service || scope.split_once(':') == Some((service, action)))
    }

    /// 403 unless the token may do this at this service.
    pub(crate) fn must_have_scope(&self, service: &str, action: &str) -> Result<(), Problem> {
        if self.may(service, action) {
            return Ok(());
        }
        Err(insufficient_scope(&format!("{service}:{action}")))
    }
}

/// The service that a scope is about.
fn service_of(scope: &str) -> &str {
    scope.split_once(':').map_or(scope, |(service, _)| service)
}

/// RFC 6750 section 3.1.
fn insufficient_scope(needed: &str) -> Problem {
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\"");
    let problem = Problem::forbidden("insufficient-scope", format!("the token lacks the scope `{needed}`"));
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => problem.challenge(challenge),
        Err(_) => problem,
    }
}

/// Whoever asks this service, if anybody says who they are.
async fn asker(headers: &HeaderMap, context: &Context) -> Result<Option<Principal>, Problem> {
    let Some(Credentials { scheme, token }) = credentials(headers)? else { return Ok(None) };
    let principal = context.tokens.verify(token).await?;
    if scheme == Scheme::DPoP || principal.confirmation.is_some() {
        let why = "the token is bound to a key, and proofs of possession are not taken here";
        return Err(super::verifier::invalid(why));
    }
    if !principal.may_use(context.service) {
        return Err(insufficient_scope(context.service));
    }
    Ok(Some(principal))
}

impl FromRequestParts<Context> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        Self::of_request(&parts.headers, context).await
    }
}

/// The person behind a request that anybody may make; a token that is there must still be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaybePrincipal(pub Option<Principal>);

impl FromRequestParts<Context> for MaybePrincipal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        asker(&parts.headers, context).await.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn principal(client: Option<&str>, scopes: &[&str]) -> Principal {
        Principal {
            user: UserId(Uuid::nil()),
            tenant: TenantId(Uuid::nil()),
            session: Uuid::nil(),
            token_id: Uuid::nil(),
            roles: vec![Role::Owner],
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_at: Timestamp::from_micros(0),
            client: client.map(str::to_owned),
            authenticated_at: None,
            methods: Vec::new(),
            confirmation: None,
        }
    }

    #[test]
    fn a_sessions_own_token_may_do_all_and_an_applications_only_what_it_names() {
        assert!(principal(None, &[]).may("scheduler", "create"));
        assert!(principal(Some("app"), &["api"]).may("scheduler", "create"));
        assert!(!principal(Some("app"), &[]).may_use("scheduler"));
        assert!(!principal(Some("app"), &["openid", "profile", "email", "offline_access"]).may_use("scheduler"));
        for client in [None, Some("app")] {
            let one = principal(client, &["scheduler:create"]);
            assert!(one.may_use("scheduler") && one.may("scheduler", "create"));
            assert!(!one.may("scheduler", "delete") && !one.may_use("schedule"));
            let all = principal(client, &["scheduler"]);
            assert!(all.may("scheduler", "delete") && !all.may("streamcore", "delete"));
        }
        for trick in ["scheduler:", ":create", "scheduler:create:x", "API", "api:x", "scheduler:*"] {
            assert!(!principal(None, &[trick]).may("scheduler", "create"), "{trick}");
        }
    }

    proptest! {
        /// More scopes never take anything away, and what may do something may use the service.
        #[test]
        fn scopes_only_add(scopes in prop::collection::vec("[ab:]{0,4}|api", 1..4), more in "[ab:]{0,4}") {
            let few = Principal { scopes: scopes.clone(), ..principal(Some("app"), &[]) };
            let many = Principal { scopes: scopes.into_iter().chain([more]).collect(), ..few.clone() };
            prop_assert!(!few.may("a", "b") || many.may("a", "b"));
            prop_assert!(!few.may("a", "b") || few.may_use("a"));
        }
    }
}
