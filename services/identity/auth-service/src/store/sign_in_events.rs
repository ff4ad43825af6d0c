//! What was done. Rows are added and, when they are too old, forgotten; no query changes what they say was done.

use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx, Value};
use nexus_kernel::{Context, Timestamp, UserId, params};

use super::corrupt;
use crate::sign_in_event::{Action, Filter, Method, Outcome, SignInEvent};

impl FromRow for SignInEvent {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let text = |column: &str| row.get::<String>(column);
        let method: Option<String> = row.get("method")?;
        Ok(Self {
            id: row.get("id")?,
            happened_at: row.get("happened_at")?,
            user_id: row.get("user_id")?,
            action: Action::named(&text("action")?).ok_or_else(|| corrupt("action"))?,
            outcome: Outcome::named(&text("outcome")?).ok_or_else(|| corrupt("outcome"))?,
            method: method.map(|method| Method::named(&method).ok_or_else(|| corrupt("method"))).transpose()?,
            device: text("device")?,
            address: text("address")?,
            session_id: row.get("session_id")?,
        })
    }
}

fn values(event: &SignInEvent) -> Vec<Value> {
    params![
        event.id,
        event.user_id,
        event.action.as_str(),
        event.outcome.as_str(),
        event.method.map(Method::as_str),
        event.device.as_str(),
        event.address.as_str(),
        event.session_id,
        event.happened_at,
    ]
}

/// Adds an event.
pub(crate) async fn add_event(tx: &mut Tx, event: &SignInEvent) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO sign_in_events
             (id, tenant_id, user_id, action, outcome, method, device, address, session_id, happened_at)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8, $9)",
        values(event),
    )
    .await
    .map(drop)
}

/// Adds an event about an account that nobody has: of no tenant, so that no query of a tenant's finds it.
pub(crate) async fn add_event_of_nobody(context: &Context, event: &SignInEvent) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute(
        "INSERT INTO sign_in_events
             (id, tenant_id, user_id, action, outcome, method, device, address, session_id, happened_at)
         VALUES ($1, NULL, $2, $3, $4, $5, $6, $7, $8, $9)",
        values(event),
    )
    .await?;
    tx.commit().await
}

/// The newest events before a position that pass the filter.
pub(crate) async fn events(
    context: &Context,
    filter: &Filter,
    before: Option<String>,
    limit: i64,
) -> Result<Vec<SignInEvent>, StoreError> {
    // Two texts, so that each has its index.
    let whose = if filter.user.is_some() { "user_id = $2" } else { "CAST($2 AS TEXT) IS NULL" };
    let sql = format!(
        "SELECT id, happened_at, user_id, action, outcome, method, device, address, session_id FROM sign_in_events
         WHERE tenant_id = :tenant AND {whose} AND (CAST($1 AS TEXT) IS NULL OR id < $1)
           AND (CAST($3 AS TEXT) IS NULL OR action = $3)
           AND (CAST($4 AS TEXT) IS NULL OR outcome = $4)
           AND (CAST($5 AS TEXT) IS NULL OR address = $5)
           AND (CAST($6 AS BIGINT) IS NULL OR happened_at >= $6)
           AND (CAST($7 AS BIGINT) IS NULL OR happened_at < $7)
         ORDER BY id DESC LIMIT $8"
    );
    let params = params![
        before,
        filter.user,
        filter.action.map(Action::as_str),
        filter.outcome.map(Outcome::as_str),
        filter.address.clone(),
        filter.from,
        filter.to,
        limit,
    ];
    context.store.read(filter.tenant).query(&sql, params).await
}

/// Forgets the events before that moment.
pub(crate) async fn forget_events_before(context: &Context, moment: Timestamp) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("DELETE FROM sign_in_events WHERE happened_at < $1", params![moment]).await?;
    tx.commit().await
}

/// Forgets from where somebody did what they did.
pub(crate) async fn forget_where(tx: &mut Tx, user: UserId) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE sign_in_events SET device = '', address = '' WHERE tenant_id = :tenant AND user_id = $1",
        params![user],
    )
    .await
    .map(drop)
}
