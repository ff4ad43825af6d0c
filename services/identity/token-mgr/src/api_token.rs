//! Tokens that are good for months: a person's own, and those of programs.

use std::fmt;

use garde::Validate;
use nexus_contracts::token_mgr::ApiTokenKind;
use nexus_kernel::auth::{
    AUDIENCE, AccessClaims, ISSUER, PERSONAL_TOKEN_PREFIX, Role, SCOPE_API, SERVICE_TOKEN_PREFIX, TokenUse,
};
use nexus_kernel::blobs::hex;
use nexus_kernel::config::Secret;
use nexus_kernel::registry::Registry;
use nexus_kernel::{Ids, Principal, Resource, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Error;
use crate::refresh_token::TokenHash;

/// The longest life of a token, in days.
const LONGEST_DAYS: u64 = 366;
/// The most tokens of one person.
const MOST_PERSONAL: i64 = 50;
/// The most tokens of programs in one organisation.
const MOST_SERVICE: i64 = 200;
/// The longest name of an action.
const MAX_ACTION: usize = 64;

/// A token that is good for months.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiToken {
    pub(crate) id: Uuid,
    pub(crate) tenant: TenantId,
    pub(crate) kind: ApiTokenKind,
    /// Whose it is, or who made it for a program.
    pub(crate) user: UserId,
    pub(crate) name: String,
    pub(crate) roles: Vec<Role>,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// Such a token in the clear.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Plain(String);

impl Plain {
    /// A new one.
    pub(crate) fn generate(ids: &Ids, kind: ApiTokenKind) -> Self {
        Self(format!("{}{}", prefix(kind), ids.random_token()))
    }

    /// Reads what somebody presents. What can't be one of ours never reaches the store.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = [ApiTokenKind::Personal, ApiTokenKind::Service]
            .into_iter()
            .find_map(|kind| text.strip_prefix(prefix(kind)))?;
        let ours = rest.len() == 43 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        ours.then(|| Self(text.to_owned()))
    }

    /// What the store knows of it.
    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash(hex(&Sha256::digest(self.0.as_bytes())))
    }

    /// The token on its way to whoever made it.
    pub(crate) fn reveal(&self) -> Secret {
        Secret::from(self.0.as_str())
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain(***)")
    }
}

fn prefix(kind: ApiTokenKind) -> &'static str {
    match kind {
        ApiTokenKind::Personal => PERSONAL_TOKEN_PREFIX,
        ApiTokenKind::Service => SERVICE_TOKEN_PREFIX,
    }
}

/// Makes a personal access token.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakePersonalToken {
    /// What you call it, 1 to 64 characters.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "Backup of my films")]
    pub(crate) name: String,
    /// What it may do: `api` for everything that you may, the name of a service for everything there, or `service:action`.
    #[garde(length(min = 1, max = 20), inner(custom(known_scope)))]
    #[schema(min_items = 1, max_items = 20, example = json!(["content-management:create", "puabo-dsp-upload-mgr"]))]
    pub(crate) scopes: Vec<String>,
    /// When it ends: at most a year from now.
    #[garde(skip)]
    pub(crate) expires_at: Timestamp,
}

/// Makes a token for a program.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakeServiceToken {
    /// What the program is called, 1 to 64 characters.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "Nightly ingest")]
    pub(crate) name: String,
    /// The program's roles, none above your own.
    #[garde(length(min = 1, max = 4))]
    #[schema(min_items = 1, max_items = 4, example = json!(["editor"]))]
    pub(crate) roles: Vec<Role>,
    /// What it may do: `api` for everything that its roles allow, the name of a service for everything there, or
    /// `service:action`.
    #[garde(length(min = 1, max = 20), inner(custom(known_scope)))]
    #[schema(min_items = 1, max_items = 20, example = json!(["puabo-dsp-upload-mgr"]))]
    pub(crate) scopes: Vec<String>,
    /// When it ends: at most a year from now.
    #[garde(skip)]
    pub(crate) expires_at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands its context over like this")]
fn known_scope(scope: &str, (): &()) -> garde::Result {
    let (service, action) = scope.split_once(':').map_or((scope, None), |(service, action)| (service, Some(action)));
    let plain = |action: &str| {
        (1..=MAX_ACTION).contains(&action.len()) && action.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    };
    let known = (scope == SCOPE_API || Registry::built_in().service(service).is_some()) && action.is_none_or(plain);
    if known {
        return Ok(());
    }
    Err(garde::Error::new("must be `api`, the name of a service, or `service:action`"))
}

impl ApiToken {
    /// A person's own, with what the person may at most.
    pub(crate) fn personal(
        id: Uuid,
        by: &Principal,
        request: MakePersonalToken,
        now: Timestamp,
    ) -> Result<Self, Error> {
        Ok(Self {
            id,
            tenant: by.tenant,
            kind: ApiTokenKind::Personal,
            user: by.user,
            name: request.name,
            roles: by.roles.clone(),
            scopes: request.scopes,
            created_at: now,
            expires_at: end(request.expires_at, now)?,
            last_used_at: None,
        })
    }

    /// A program's, with what its maker may at most.
    pub(crate) fn service(id: Uuid, by: &Principal, request: MakeServiceToken, now: Timestamp) -> Result<Self, Error> {
        if let Some(role) = request.roles.iter().find(|role| !by.is_at_least(**role)) {
            return Err(Error::RoleAboveOwn(*role));
        }
        Ok(Self {
            id,
            tenant: by.tenant,
            kind: ApiTokenKind::Service,
            user: by.user,
            name: request.name,
            roles: request.roles,
            scopes: request.scopes,
            created_at: now,
            expires_at: end(request.expires_at, now)?,
            last_used_at: None,
        })
    }

    /// What policies see.
    pub(crate) fn resource(&self) -> Resource {
        Resource::new(resource_kind(self.kind), self.id).tenant(self.tenant).owner(self.user)
    }

    /// The most tokens of this kind that there may be.
    pub(crate) fn most(&self) -> i64 {
        match self.kind {
            ApiTokenKind::Personal => MOST_PERSONAL,
            ApiTokenKind::Service => MOST_SERVICE,
        }
    }

    /// What the token says when it is used. It stands for no session, and for nobody who has just signed in; a program is its
    /// own person.
    pub(crate) fn claims(&self) -> (TokenUse, AccessClaims) {
        let (token_use, user) = match self.kind {
            ApiTokenKind::Personal => (TokenUse::PersonalToken, self.user),
            ApiTokenKind::Service => (TokenUse::ServiceToken, UserId(self.id)),
        };
        let claims = AccessClaims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            tid: self.tenant,
            sid: self.id,
            roles: self.roles.clone(),
            scope: self.scopes.join(" "),
            exp: self.expires_at.as_seconds(),
            iat: self.created_at.as_seconds(),
            jti: self.id,
            client_id: None,
            auth_time: None,
            amr: Vec::new(),
            cnf: None,
        };
        (token_use, claims)
    }
}

/// All tokens of a kind, for the policies: a person's own, or those of the organisation's programs.
pub(crate) fn all(kind: ApiTokenKind, principal: &Principal) -> Resource {
    Resource::all(resource_kind(kind), principal.tenant).owner(principal.user)
}

fn resource_kind(kind: ApiTokenKind) -> &'static str {
    match kind {
        ApiTokenKind::Personal => "PersonalToken",
        ApiTokenKind::Service => "ServiceToken",
    }
}

fn end(expires_at: Timestamp, now: Timestamp) -> Result<Timestamp, Error> {
    let latest = now.plus(std::time::Duration::from_hours(LONGEST_DAYS * 24));
    if expires_at > now && expires_at <= latest { Ok(expires_at) } else { Err(Error::WrongEnd) }
}

/// A token that is good for months, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ApiToken)]
pub(crate) struct ApiTokenView {
    /// Its id.
    id: Uuid,
    /// What it is called.
    #[schema(example = "Backup of my films")]
    name: String,
    /// What it may do.
    #[schema(example = json!(["content-management:create"]))]
    scopes: Vec<String>,
    /// What it may do at most: the person's own roles, or the program's.
    roles: Vec<Role>,
    /// Whose it is, or who made it for a program.
    user_id: UserId,
    /// When it was made.
    created_at: Timestamp,
    /// When it ends.
    expires_at: Timestamp,
    /// When it was last used, to the minute; absent when it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
}

/// A token that was just made. It is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct MadeApiToken {
    /// The token: send it as `Authorization: Bearer`.
    #[schema(value_type = String, example = "nxp_q7Yx0mQ3nV8rT2kLw5Zb9cH4dJ6fG1sA_EpUoXyRiNM")]
    pub(crate) token: Secret,
    /// What it is.
    #[serde(flatten)]
    pub(crate) about: ApiTokenView,
}

impl From<ApiToken> for ApiTokenView {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scopes: token.scopes,
            roles: token.roles,
            user_id: token.user,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
        }
    }
}

impl ApiTokenView {
    /// Where the next page of a list goes on.
    pub(crate) fn position(&self) -> String {
        self.id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::Clock;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_presented_is_read_or_refused(text in "(nx[ps]_)?.{0,60}") {
            if let Some(plain) = Plain::parse(&text) {
                prop_assert!(text.len() == 47 && plain.hash().0.len() == 64);
            }
        }
    }

    #[test]
    fn a_token_is_read_again_and_never_shown_by_accident() {
        let ids = Ids::new(Clock::system());
        for kind in [ApiTokenKind::Personal, ApiTokenKind::Service] {
            let plain = Plain::generate(&ids, kind);
            assert_eq!(Plain::parse(plain.reveal().expose()), Some(plain.clone()));
            assert_eq!(format!("{plain:?}"), "Plain(***)");
        }
    }

    #[test]
    fn scopes_name_what_there_is() {
        for good in ["api", "content-management", "content-management:create"] {
            assert!(known_scope(good, &()).is_ok(), "{good}");
        }
        for wrong in ["", "API", "openid", "api ", "content-management:", "content-management:a:b", "a b", ":create"] {
            assert!(known_scope(wrong, &()).is_err(), "{wrong}");
        }
    }
}
