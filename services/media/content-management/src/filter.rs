//! Which items a list shows: what the asker searches for, and what the asker may see.

use nexus_contracts::content_management::Status;
use nexus_kernel::{Principal, Role, TenantId, UserId};

use crate::error::Error;
use crate::words::Wanted;

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
    /// The words that they must have, where there is a search.
    pub(crate) words: Option<Wanted>,
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
        Ok(Self { status, words: (!query.is_empty()).then(|| Wanted::of(query)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_status_and_an_endless_query_are_refused() {
        assert_eq!(Filter::parse(Some("gone"), None), Err(Error::UnknownStatus));
        assert_eq!(Filter::parse(None, Some(&"x".repeat(201))), Err(Error::QueryTooLong(200)));
        assert_eq!(Filter::parse(Some("draft"), Some(" Été ")).unwrap().words, Some(Wanted::of("été")));
    }

    #[test]
    fn a_search_for_no_word_is_still_a_search() {
        assert_eq!(Filter::parse(None, Some("  ")).unwrap().words, None);
        assert!(Filter::parse(None, Some("%")).unwrap().words.unwrap().is_nothing());
    }
}
