//! Lists of what has certain words, newest first.

use nexus_kernel::Context;
use nexus_kernel::extract::Page;
use nexus_kernel::store::{Dialect, FromRow, Query, Row, Scope, StoreError};
use nexus_kernel::{TenantId, params};

use crate::content::StoredContent;
use crate::filter::{Audience, Filter};
use crate::words::Wanted;

/// How many items get their words in one unit of work.
const TOGETHER: u32 = 200;
/// What stands in the index before the words of what everybody may see.
const EVERYBODY: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
/// One page of what an audience sees and has these words.
pub(super) async fn list(
    ctx: &Context,
    audience: Audience,
    wanted: &Wanted,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<StoredContent>, StoreError> {
    if wanted.is_nothing() {
        return Ok(Vec::new());
    }
    let dialect = ctx.store.dialect();
    let below = below(ctx, page.after.as_deref()).await?;
    let sql = statement(dialect, audience);
    let mut params = params![query(dialect, audience, wanted), below, page.fetch(), filter.status];
    let scope = match audience {
        Audience::Anyone => Scope::System,
        Audience::Member { tenant, user } => {
            params.push(user.into());
            Scope::Tenant(tenant)
        }
        Audience::Editor { tenant } => Scope::Tenant(tenant),
    };
    ctx.store.read(scope).query(&sql, params).await
}

fn statement(dialect: Dialect, audience: Audience) -> String {
    let (with, from, number) = match dialect {
        // In this order, and in the order of the index: reading ends when the page is full.
        Dialect::Sqlite => (
            "",
            "content_search CROSS JOIN content ON content.number = content_search.rowid
             WHERE content_search MATCH $1 AND content_search.rowid < $2",
            "content_search.rowid",
        ),
        // What the index finds, first and by itself: the planner knows too little of words to choose between it and reading the
        // newest items until enough of them have it.
        Dialect::Postgres => (
            "WITH found AS MATERIALIZED (
                 SELECT number FROM content
                 WHERE content_words(search_text, tenant_id, status, visibility) @@ CAST(CAST($1 AS TEXT) AS tsquery)
                     AND number < $2)",
            "(SELECT number FROM found ORDER BY number DESC) AS found
             CROSS JOIN LATERAL (SELECT * FROM content WHERE content.number = found.number OFFSET 0) AS content
             WHERE TRUE",
            "found.number",
        ),
    };
    let seen = match audience {
        Audience::Anyone => "status = 'published' AND visibility = 'public'",
        Audience::Member { .. } => {
            "tenant_id = :tenant AND status = 'published' AND (visibility IN ('public', 'members') OR created_by = $5)"
        }
        Audience::Editor { .. } => "tenant_id = :tenant",
    };
    format!(
        "{with} SELECT content.* FROM {from} AND {seen} AND ($4 = '' OR status = $4)
         ORDER BY {number} DESC LIMIT $3"
    )
}

/// The words as the index's own language asks for them.
fn query(dialect: Dialect, audience: Audience, wanted: &Wanted) -> String {
    let prefix = match audience {
        Audience::Anyone => EVERYBODY.to_owned(),
        Audience::Member { tenant, .. } | Audience::Editor { tenant } => tenant.0.simple().to_string(),
    };
    match dialect {
        Dialect::Sqlite => wanted.behind(&prefix, |word| format!("\"{word}\" *"), " AND "),
        Dialect::Postgres => wanted.behind(&prefix, |word| format!("'{word}':*"), " & "),
    }
}

/// An item's place among all.
struct Numbered {
    number: i64,
    id: String,
}

impl FromRow for Numbered {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { number: row.get("number")?, id: row.get("id")? })
    }
}

/// The number below which a page begins that follows this item. It may be gone meanwhile: then after the one before it.
async fn below(ctx: &Context, after: Option<&str>) -> Result<i64, StoreError> {
    let Some(after) = after else { return Ok(i64::MAX) };
    let sql = "SELECT number, id FROM content WHERE id <= $1 ORDER BY id DESC LIMIT 1";
    let found: Option<Numbered> = ctx.store.read(Scope::System).query_optional(sql, params![after]).await?;
    Ok(found.map_or(0, |found| if found.id == after { found.number } else { found.number + 1 }))
}

/// An item whose words are not known yet.
pub(crate) struct Unindexed {
    pub(crate) tenant: TenantId,
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
}

impl FromRow for Unindexed {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.get("tenant_id")?,
            id: row.get("id")?,
            title: row.get("title")?,
            description: row.get("description")?,
        })
    }
}

/// Some items from before there was an index.
pub(crate) async fn unindexed(ctx: &Context) -> Result<Vec<Unindexed>, StoreError> {
    let sql = "SELECT tenant_id, id, title, description FROM content
               WHERE substr(search_text, 1, 1) <> ' ' ORDER BY number LIMIT $1";
    ctx.store.read(Scope::System).query(sql, params![TOGETHER]).await
}

/// Puts their words into the index, unless they were changed meanwhile and are there.
pub(crate) async fn index(ctx: &Context, items: &[(Unindexed, String)]) -> Result<(), StoreError> {
    let mut tx = ctx.store.begin(Scope::System).await?;
    for (item, words) in items {
        tx.execute(
            "UPDATE content SET search_text = $3 WHERE tenant_id = $1 AND id = $2 AND substr(search_text, 1, 1) <> ' '",
            params![item.tenant, item.id.as_str(), words.as_str()],
        )
        .await?;
    }
    tx.commit().await
}

#[cfg(test)]
mod tests;
