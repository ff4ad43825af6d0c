//! The log.

use std::sync::LazyLock;

use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx, Value};
use nexus_kernel::{Context, TenantId, Timestamp, params};

use super::unreadable;
use crate::audit::{AuditLine, Line, Outcome};

/// How many lines one statement adds.
const TOGETHER: usize = 16;
const COLUMNS: usize = 10;

static ADD_ONE: LazyLock<String> = LazyLock::new(|| insert(1));
static ADD_TOGETHER: LazyLock<String> = LazyLock::new(|| insert(TOGETHER));

/// A statement for that many lines.
fn insert(lines: usize) -> String {
    let line = |at: usize| {
        let places: Vec<String> = (1..=COLUMNS).map(|column| format!("${}", at * COLUMNS + column)).collect();
        format!("({})", places.join(", "))
    };
    let lines: Vec<String> = (0..lines).map(line).collect();
    format!(
        "INSERT INTO audit (id, tenant_id, user_id, action, target, version, number, outcome, request_id, at)
         VALUES {} ON CONFLICT (id) DO NOTHING",
        lines.join(", ")
    )
}

fn values(line: &Line) -> [Value; COLUMNS] {
    [
        line.id.as_str().into(),
        line.tenant.into(),
        line.by.as_str().into(),
        line.action.into(),
        line.target.as_str().into(),
        line.version.into(),
        line.number.into(),
        line.outcome.as_str().into(),
        line.request_id.as_str().into(),
        line.at.into(),
    ]
}

/// Adds lines of any tenants, in one unit of work.
pub(crate) async fn add_all(context: &Context, lines: &[Line]) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    let mut chunks = lines.chunks_exact(TOGETHER);
    for chunk in chunks.by_ref() {
        tx.execute(&ADD_TOGETHER, chunk.iter().flat_map(values).collect()).await?;
    }
    for line in chunks.remainder() {
        tx.execute(&ADD_ONE, values(line).to_vec()).await?;
    }
    tx.commit().await
}

/// Adds a line of the tenant's.
pub(crate) async fn add(tx: &mut Tx, line: &Line) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO audit (id, tenant_id, user_id, action, target, version, number, outcome, request_id, at)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            line.id.as_str(),
            line.by.as_str(),
            line.action,
            line.target.as_str(),
            line.version,
            line.number,
            line.outcome.as_str(),
            line.request_id.as_str(),
            line.at,
        ],
    )
    .await
    .map(drop)
}

impl FromRow for AuditLine {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let outcome: String = row.get("outcome")?;
        Ok(Self {
            id: row.get("id")?,
            by: row.get("user_id")?,
            action: row.get("action")?,
            target: row.get("target")?,
            version: row.get("version")?,
            number: row.get("number")?,
            outcome: Outcome::named(&outcome).ok_or_else(|| unreadable("outcome"))?,
            request_id: row.get("request_id")?,
            at: row.get("at")?,
        })
    }
}

/// One page of a tenant's lines, newest first.
pub(crate) async fn page(
    context: &Context,
    tenant: TenantId,
    target: Option<&str>,
    page: &Page,
) -> Result<Vec<AuditLine>, StoreError> {
    let mut reader = context.store.read(tenant);
    match target {
        Some(target) => {
            reader
                .query(
                    "SELECT id, user_id, action, target, version, number, outcome, request_id, at FROM audit
                     WHERE tenant_id = :tenant AND target = $1 AND (CAST($2 AS TEXT) IS NULL OR id < $2)
                     ORDER BY id DESC LIMIT $3",
                    params![target, page.after.clone(), page.fetch()],
                )
                .await
        }
        None => {
            reader
                .query(
                    "SELECT id, user_id, action, target, version, number, outcome, request_id, at FROM audit
                     WHERE tenant_id = :tenant AND (CAST($1 AS TEXT) IS NULL OR id < $1)
                     ORDER BY id DESC LIMIT $2",
                    params![page.after.clone(), page.fetch()],
                )
                .await
        }
    }
}

/// Forgets lines that are older than this; how many.
pub(crate) async fn forget_before(context: &Context, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    let forgotten = tx
        .execute(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)",
            params![before, limit],
        )
        .await?;
    tx.commit().await?;
    Ok(forgotten)
}
