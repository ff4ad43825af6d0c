//! Which items a list shows: what the asker searches for, and what the asker may see.

use nexus_contracts::content_management::Status;
use nexus_kernel::{Principal, Role, TenantId, UserId};

use crate::error::Error;

/// The longest search text, in characters.
const MAX_QUERY: usize = 200;

/// Who looks at a list; the same rules as the policies for `view`, as a query can apply them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Nobody who is known: what is published for everybody, of every organisation.
    Anyone,
    /// A member: what is published for members, and their own that is published.
    Member { tenant: TenantId, user: UserId },
    /// An editor: everything of the organisation.
    Editor { tenant: TenantId },
}

impl Audience {
    /// The audience that a person belongs to.
    pub(crate) fn of(asker: Option<&Principal>) -> Self {
        match asker {
            None => Self::Anyone,
            Some(person) if person.is_at_least(Role::Editor) => Self::Editor { tenant: person.tenant },
            Some(person) => Self::Member { tenant: person.tenant, user: person.user },
        }
    }
}

/// What the asker searches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// The status that items must have; empty for any.
    pub(crate) status: &'static str,
    /// The pattern (SQL `LIKE`, escaped by `\`) that their text in lower case must match.
    pub(crate) pattern: String,
}

impl Filter {
    /// Reads the query parameters.
    pub(crate) fn parse(status: Option<&str>, query: Option<&str>) -> Result<Self, Error> {
        let status = match status {
            None => "",
            Some("draft") => Status::Draft.as_str(),
            Some("published") => Status::Published.as_str(),
            Some(_) => return Err(Error::UnknownStatus),
        };
        let query = query.unwrap_or_default().trim();
        if query.chars().count() > MAX_QUERY {
            return Err(Error::QueryTooLong(MAX_QUERY));
        }
        Ok(Self { status, pattern: pattern(query) })
    }
}

/// The pattern that matches texts which contain the query as it is written.
fn pattern(query: &str) -> String {
    let mut pattern = String::from("%");
    for character in query.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    if pattern.len() > 1 {
        pattern.push('%');
    }
    pattern
}

/// The text of an item that searches look at.
pub(crate) fn search_text(title: &str, description: &str) -> String {
    format!("{title}\n{description}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_in_a_query_are_plain_characters() {
        assert_eq!(pattern("50%_\\"), "%50\\%\\_\\\\%");
        assert_eq!(pattern(""), "%");
    }

    #[test]
    fn an_unknown_status_and_an_endless_query_are_refused() {
        assert_eq!(Filter::parse(Some("gone"), None), Err(Error::UnknownStatus));
        assert_eq!(Filter::parse(None, Some(&"x".repeat(201))), Err(Error::QueryTooLong(200)));
        assert_eq!(Filter::parse(Some("draft"), Some(" Été ")).unwrap().pattern, "%été%");
    }

    proptest! {
        #[test]
        fn every_wildcard_is_escaped(query in "[%_\\\\a-c]{0,20}") {
            let pattern = pattern(&query);
            let inner = pattern.trim_start_matches('%');
            let mut characters = inner.strip_suffix('%').unwrap_or(inner).chars();
            while let Some(character) = characters.next() {
                if character == '\\' {
                    prop_assert!(matches!(characters.next(), Some('%' | '_' | '\\')));
                } else {
                    prop_assert!(character != '%' && character != '_');
                }
            }
        }
    }
}
