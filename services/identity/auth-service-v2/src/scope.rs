//! Scopes: what an application may do in somebody's name (RFC 6749 section 3.3).

use std::collections::BTreeSet;
use std::fmt;

use nexus_kernel::registry::Registry;

/// The most scopes that one request names.
const MAX_SCOPES: usize = 50;
/// The longest scope, in bytes.
const MAX_BYTES: usize = 100;

/// Asks for an ID token (`OpenID` Connect Core section 3.1.2.1).
pub(crate) const OPENID: &str = "openid";
/// Asks for a grant that outlives the person's session (`OpenID` Connect Core section 11).
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";
/// The scopes that open what is known of a person, and nothing of the API.
pub(crate) const OF_PERSONS: [&str; 5] = [OPENID, "profile", "email", "groups", OFFLINE_ACCESS];
/// Everything that the person may do.
pub(crate) const API: &str = "api";

/// A set of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Scope(BTreeSet<String>);

impl Scope {
    /// The scopes of a text, when each of them is one that exists here.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::of(text.split(' ').filter(|scope| !scope.is_empty()))
    }

    /// These scopes, when each of them exists here.
    pub(crate) fn of<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut set = BTreeSet::new();
        for scope in scopes {
            if !exists(scope) {
                return Err(format!("there is no scope `{}`", scope.chars().take(MAX_BYTES).collect::<String>()));
            }
            set.insert(scope.to_owned());
        }
        if set.len() > MAX_SCOPES {
            return Err(format!("at most {MAX_SCOPES} scopes"));
        }
        Ok(Self(set))
    }

    /// Scopes that were stored: they existed when they were.
    pub(crate) fn stored(text: &str) -> Self {
        Self(text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect())
    }

    /// Whether it names this one.
    pub(crate) fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether it names none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all that it opens is open to the other one too: `api` opens each service, a service its actions.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|scope| other.opens(scope))
    }

    fn opens(&self, scope: &str) -> bool {
        if self.0.contains(scope) {
            return true;
        }
        if OF_PERSONS.contains(&scope) {
            return false;
        }
        let service = scope.split(':').next().unwrap_or(scope);
        self.0.contains(API) || self.0.contains(service)
    }

    /// Those that both name.
    pub(crate) fn without(&self, scope: &str) -> Self {
        Self(self.0.iter().filter(|held| *held != scope).cloned().collect())
    }

    /// Those that open something of the API.
    pub(crate) fn of_api(&self) -> Self {
        Self(self.0.iter().filter(|scope| !OF_PERSONS.contains(&scope.as_str())).cloned().collect())
    }

    /// Those of both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// One after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Whether this installation knows a scope: of a person, `api`, a service, or a service's action.
fn exists(scope: &str) -> bool {
    if scope.len() > MAX_BYTES {
        return false;
    }
    if scope == API || OF_PERSONS.contains(&scope) {
        return true;
    }
    let (service, action) = scope.split_once(':').map_or((scope, None), |(service, action)| (service, Some(action)));
    let plain = |action: &str| !action.is_empty() && action.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    Registry::built_in().service(service).is_some() && action.is_none_or(plain)
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_scopes_that_exist_are_read() {
        let scope = Scope::parse("openid  content-management:publish api").unwrap();
        assert_eq!(scope.to_string(), "api content-management:publish openid");
        for wrong in ["nothing", "content-management:", "content-management:Publish x", "api:read", "a\"b", "*"] {
            assert!(Scope::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_api_opens_every_service_and_a_service_its_actions_but_nothing_of_the_person() {
        let within = |narrow: &str, wide: &str| Scope::parse(narrow).unwrap().is_within(&Scope::parse(wide).unwrap());
        assert!(within("content-management:publish", "content-management"));
        assert!(within("content-management user-auth:list-users", "api"));
        assert!(within("", "openid"));
        assert!(!within("content-management", "content-management:publish"));
        assert!(!within("api", "content-management user-auth"));
        assert!(!within("email", "api") && !within("offline_access", "api openid"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_was_read_is_written_the_same(text in "[a-z: -]{0,60}") {
            if let Ok(scope) = Scope::parse(&text) {
                prop_assert_eq!(Scope::parse(&scope.to_string()), Ok(scope.clone()));
                prop_assert!(scope.is_within(&scope));
            }
        }
    }
}
