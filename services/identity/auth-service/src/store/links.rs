//! Links that sign in. All in the system's scope: see the schema.

use nexus_contracts::user_auth::EmailAddress;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError};
use nexus_kernel::{Context, Timestamp, params};

use crate::sign_in_link::{MailedLink, WantedLink};
use crate::token::TokenHash;

fn email(row: &Row) -> Result<EmailAddress, StoreError> {
    row.get::<String>("email").map(|text| EmailAddress::normalised(&text))
}

impl FromRow for WantedLink {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.get("id")?, email: email(row)?, attempts: row.get("attempts")? })
    }
}

impl FromRow for MailedLink {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            email: email(row)?,
            browser: TokenHash(row.get("browser_hash")?),
            expires_at: row.get("expires_at")?,
        })
    }
}

/// Adds a link that is wanted.
pub(crate) async fn add_link(
    context: &Context,
    link: &WantedLink,
    browser: &TokenHash,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute(
        "INSERT INTO sign_in_links (id, email, browser_hash, expires_at, attempts, next_attempt_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![link.id, link.email.as_str(), browser.0.as_str(), expires_at, link.attempts, context.clock.now()],
    )
    .await?;
    tx.commit().await
}

/// The links that are to be mailed now.
pub(crate) async fn wanted_links(context: &Context, limit: i64) -> Result<Vec<WantedLink>, StoreError> {
    let now = context.clock.now();
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT id, email, attempts FROM sign_in_links
             WHERE next_attempt_at <= $1 AND expires_at > $1 ORDER BY next_attempt_at LIMIT $2",
            params![now, limit],
        )
        .await
}

/// Gives a link its token before it is mailed; false when another process has, that mails it.
pub(crate) async fn claim_link(
    context: &Context,
    link: &WantedLink,
    token: &TokenHash,
    next_attempt_at: Timestamp,
) -> Result<bool, StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    let claimed = tx
        .execute(
            "UPDATE sign_in_links SET token_hash = $2, attempts = attempts + 1, next_attempt_at = $4
             WHERE id = $1 AND attempts = $3 AND next_attempt_at IS NOT NULL",
            params![link.id, token.0.as_str(), link.attempts, next_attempt_at],
        )
        .await?;
    tx.commit().await?;
    Ok(claimed == 1)
}

/// The link is on its way.
pub(crate) async fn link_mailed(context: &Context, link: &WantedLink) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("UPDATE sign_in_links SET next_attempt_at = NULL WHERE id = $1", params![link.id]).await?;
    tx.commit().await
}

/// The link of a token.
pub(crate) async fn link(context: &Context, token: &TokenHash) -> Result<Option<MailedLink>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT id, email, browser_hash, expires_at FROM sign_in_links WHERE token_hash = $1",
            params![token.0.as_str()],
        )
        .await
}

/// Uses a link up; false when somebody else has.
pub(crate) async fn spend_link(context: &Context, link: &MailedLink) -> Result<bool, StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    let spent = tx.execute("DELETE FROM sign_in_links WHERE id = $1", params![link.id]).await?;
    tx.commit().await?;
    Ok(spent == 1)
}

/// Forgets links that are too old, and sign-ins between steps that took too long.
pub(crate) async fn forget_expired(context: &Context, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("DELETE FROM sign_in_links WHERE expires_at <= $1", params![now]).await?;
    tx.execute("DELETE FROM challenges WHERE expires_at <= $1", params![now]).await?;
    tx.commit().await
}
