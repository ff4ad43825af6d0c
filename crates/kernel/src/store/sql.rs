//! One SQL text for both databases: `$1`, `$2` … for parameters and `:tenant` for the tenant that the store puts in.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Dialect, StoreError};

/// The most texts that are kept; a service has some dozens, so more means that texts are made up from input.
const KEPT: usize = 4_096;

/// A text ready for a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// The text in the database's own dialect.
    pub(super) text: Arc<str>,
    /// Whether it names the tenant, and so needs a tenant's scope.
    pub(super) scoped: bool,
}

/// Translates texts and remembers them.
#[derive(Debug)]
pub(super) struct Translator {
    dialect: Dialect,
    known: RwLock<HashMap<String, Statement>>,
}

impl Translator {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, known: RwLock::default() }
    }

    /// The statement for a text with this many parameters. In a tenant's scope it must name `:tenant`; across tenants it must not.
    pub(super) fn statement(&self, sql: &str, parameters: usize, tenant: bool) -> Result<Statement, StoreError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        let statement = known.unwrap_or_else(|| {
            let made = translate(sql, parameters, self.dialect);
            let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if all.len() < KEPT {
                all.insert(sql.to_owned(), made.clone());
            }
            made
        });
        match (tenant, statement.scoped) {
            (true, false) => Err(StoreError::Unscoped { sql: sql.to_owned() }),
            (false, true) => Err(StoreError::NoTenant { sql: sql.to_owned() }),
            _ => Ok(statement),
        }
    }
}

/// Rewrites placeholders outside of quotes and comments.
fn translate(sql: &str, parameters: usize, dialect: Dialect) -> Statement {
    let mut text = String::with_capacity(sql.len() + 8);
    let mut scoped = false;
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\'' | '"' => quoted(rest, first),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            ':' if is_tenant(rest, &text) => {
                scoped = true;
                text.push_str(&dialect.placeholder(parameters + 1));
                rest = &rest[":tenant".len()..];
                continue;
            }
            '$' if dialect == Dialect::Sqlite && rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
                text.push('?');
                rest = &rest[1..];
                continue;
            }
            _ => first.len_utf8(),
        };
        text.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    Statement { text: text.into(), scoped }
}

/// Whether `:tenant` stands here as a word of its own, and not as the end of a PostgreSQL cast.
fn is_tenant(rest: &str, before: &str) -> bool {
    rest.strip_prefix(":tenant")
        .is_some_and(|after| !after.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
        && !before.ends_with(':')
}

/// The length of a quoted text or name, its quotes included; a doubled quote does not end it.
fn quoted(text: &str, quote: char) -> usize {
    let mut inside = text[1..].char_indices().peekable();
    while let Some((at, found)) = inside.next() {
        if found == quote && inside.next_if(|(_, next)| *next == quote).is_none() {
            return 1 + at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn placeholders_become_the_dialects_own() {
        let sql = "SELECT ':tenant $1', \"$2\" FROM t WHERE a = $1 AND tenant_id = :tenant -- :tenant $1\nAND b = $2";
        let sqlite = translate(sql, 2, Dialect::Sqlite);
        assert_eq!(
            &*sqlite.text,
            "SELECT ':tenant $1', \"$2\" FROM t WHERE a = ?1 AND tenant_id = ?3 -- :tenant $1\nAND b = ?2"
        );
        assert!(sqlite.scoped);
        assert!(translate(sql, 2, Dialect::Postgres).text.contains("tenant_id = $3"));
    }

    #[test]
    fn a_tenant_in_quotes_or_a_comment_does_not_count() {
        for sql in
            ["SELECT ':tenant'", "SELECT 1 -- :tenant", "SELECT 'it''s :tenant'", "SELECT :tenants", "SELECT a::tenant"]
        {
            assert!(!translate(sql, 0, Dialect::Sqlite).scoped, "{sql}");
        }
    }

    #[test]
    fn scope_and_text_must_agree() {
        let translator = Translator::new(Dialect::Sqlite);
        assert!(matches!(translator.statement("SELECT 1", 0, true), Err(StoreError::Unscoped { .. })));
        assert!(matches!(translator.statement("SELECT :tenant", 0, false), Err(StoreError::NoTenant { .. })));
        assert!(translator.statement("SELECT :tenant", 0, true).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_translated_without_panic_and_postgres_without_tenant_is_unchanged(sql in "[ -~\n'\"$:é]{0,80}") {
            translate(&sql, 3, Dialect::Sqlite);
            if !sql.contains(":tenant") {
                prop_assert_eq!(&*translate(&sql, 3, Dialect::Postgres).text, sql);
            }
        }
    }
}
