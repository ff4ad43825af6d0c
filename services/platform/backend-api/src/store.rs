//! Every query of this service.

use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, Timestamp, params};
use uuid::Uuid;

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All access tokens of a session.
    Session,
    /// One access token.
    Token,
}

/// A session or a token that is refused until it ends by itself.
pub(crate) struct Refused {
    pub(crate) id: Uuid,
    pub(crate) until: Timestamp,
}

impl FromRow for Refused {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.get("id")?, until: row.get("until")? })
    }
}

/// Puts down that it is refused.
pub(crate) async fn add_refused(tx: &mut Tx, kind: Kind, refused: &Refused) -> Result<(), StoreError> {
    let sql = match kind {
        Kind::Session => {
            "INSERT INTO revoked_sessions (session_id, tenant_id, tokens_valid_until) VALUES ($1, :tenant, $2)
             ON CONFLICT (session_id) DO NOTHING"
        }
        Kind::Token => {
            "INSERT INTO revoked_tokens (token_id, tenant_id, valid_until) VALUES ($1, :tenant, $2)
             ON CONFLICT (token_id) DO NOTHING"
        }
    };
    tx.execute(sql, params![refused.id, refused.until]).await.map(drop)
}

/// All that must be refused now, of all tenants.
pub(crate) async fn refused(context: &Context, kind: Kind) -> Result<Vec<Refused>, StoreError> {
    let sql = match kind {
        Kind::Session => {
            "SELECT session_id AS id, tokens_valid_until AS until FROM revoked_sessions WHERE tokens_valid_until > $1"
        }
        Kind::Token => "SELECT token_id AS id, valid_until AS until FROM revoked_tokens WHERE valid_until > $1",
    };
    context.store.read(Scope::System).query(sql, params![context.clock.now()]).await
}

/// Forgets what has ended by itself.
pub(crate) async fn forget_expired(context: &Context, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("DELETE FROM revoked_sessions WHERE tokens_valid_until <= $1", params![now]).await?;
    tx.execute("DELETE FROM revoked_tokens WHERE valid_until <= $1", params![now]).await?;
    tx.commit().await
}
