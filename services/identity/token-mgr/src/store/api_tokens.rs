//! Queries about tokens that are good for months.

use nexus_contracts::token_mgr::ApiTokenKind;
use nexus_kernel::auth::Role;
use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, TenantId, Timestamp, UserId, params};
use uuid::Uuid;

use super::{from_json, json};
use crate::api_token::ApiToken;
use crate::error::Error;
use crate::refresh_token::TokenHash;

struct ApiTokenRow {
    token: ApiToken,
    roles: String,
    scopes: String,
}

impl FromRow for ApiTokenRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let kind: String = row.get("kind")?;
        let token = ApiToken {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            kind: match kind.as_str() {
                "service" => ApiTokenKind::Service,
                _ => ApiTokenKind::Personal,
            },
            user: row.get("user_id")?,
            name: row.get("name")?,
            roles: Vec::new(),
            scopes: Vec::new(),
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            last_used_at: row.get("last_used_at")?,
        };
        Ok(Self { token, roles: row.get("roles")?, scopes: row.get("scopes")? })
    }
}

impl ApiTokenRow {
    fn token(self) -> Result<ApiToken, Error> {
        let scopes: Vec<String> = from_json(&self.scopes, "scopes")?;
        // Without a scope it would be a session's own.
        if scopes.is_empty() {
            return Err(Error::Corrupt("scopes"));
        }
        Ok(ApiToken { roles: from_json(&self.roles, "roles")?, scopes, ..self.token })
    }
}

/// Adds a token.
pub(crate) async fn add_api_token(tx: &mut Tx, token: &ApiToken, hash: &TokenHash) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO api_tokens (id, tenant_id, kind, user_id, name, token_hash, roles, roles_at, scopes, created_at,
                                 expires_at)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6, 0, $7, $8, $9)",
        params![
            token.id,
            token.kind.as_str(),
            token.user,
            token.name.as_str(),
            hash.0.as_str(),
            json(&token.roles, "roles")?,
            json(&token.scopes, "scopes")?,
            token.created_at,
            token.expires_at,
        ],
    )
    .await?;
    Ok(())
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.get("count").map(Self)
    }
}

/// How many tokens there are that count against the same limit: a person's own, or those of all programs.
pub(crate) async fn count_api_tokens(tx: &mut Tx, like: &ApiToken) -> Result<i64, StoreError> {
    let Count(count) = tx
        .query_one(
            "SELECT COUNT(*) AS count FROM api_tokens
             WHERE tenant_id = :tenant AND kind = $1 AND ($1 = 'service' OR user_id = $2) AND expires_at > $3",
            params![like.kind.as_str(), like.user, like.created_at],
        )
        .await?;
    Ok(count)
}

/// A token by its id, expired or not.
pub(crate) async fn api_token(tx: &mut Tx, kind: ApiTokenKind, id: Uuid) -> Result<Option<ApiToken>, Error> {
    let row: Option<ApiTokenRow> = tx
        .query_optional(
            "SELECT id, tenant_id, kind, user_id, name, roles, scopes, created_at, expires_at, last_used_at
             FROM api_tokens WHERE tenant_id = :tenant AND kind = $1 AND id = $2",
            params![kind.as_str(), id],
        )
        .await?;
    row.map(ApiTokenRow::token).transpose()
}

/// A token by its hash. Across tenants: the token itself is all that its bearer shows, and it names its tenant.
pub(crate) async fn api_token_by_hash(context: &Context, hash: &TokenHash) -> Result<Option<ApiToken>, Error> {
    let row: Option<ApiTokenRow> = context
        .store
        .read(Scope::System)
        .query_optional(
            "SELECT id, tenant_id, kind, user_id, name, roles, scopes, created_at, expires_at, last_used_at
             FROM api_tokens WHERE token_hash = $1",
            params![hash.0.as_str()],
        )
        .await?;
    row.map(ApiTokenRow::token).transpose()
}

/// One page of the tokens that go on, newest first: of one person, or of all.
pub(crate) async fn page_of_api_tokens(
    context: &Context,
    tenant: TenantId,
    kind: ApiTokenKind,
    user: Option<UserId>,
    page: &Page,
) -> Result<Vec<ApiToken>, Error> {
    let rows: Vec<ApiTokenRow> = context
        .store
        .read(tenant)
        .query(
            "SELECT id, tenant_id, kind, user_id, name, roles, scopes, created_at, expires_at, last_used_at
             FROM api_tokens
             WHERE tenant_id = :tenant AND kind = $1 AND (CAST($2 AS TEXT) IS NULL OR user_id = $2) AND expires_at > $3
               AND (CAST($4 AS TEXT) IS NULL OR id < $4)
             ORDER BY id DESC LIMIT $5",
            params![kind.as_str(), user, context.clock.now(), page.after.clone(), page.fetch()],
        )
        .await?;
    rows.into_iter().map(ApiTokenRow::token).collect()
}

/// All of a person's own tokens.
pub(crate) async fn personal_tokens(tx: &mut Tx, user: UserId) -> Result<Vec<ApiToken>, Error> {
    let rows: Vec<ApiTokenRow> = tx
        .query(
            "SELECT id, tenant_id, kind, user_id, name, roles, scopes, created_at, expires_at, last_used_at
             FROM api_tokens WHERE tenant_id = :tenant AND kind = 'personal' AND user_id = $1",
            params![user],
        )
        .await?;
    rows.into_iter().map(ApiTokenRow::token).collect()
}

/// Gives a person's own tokens the roles that the person had at that moment, unless they have later ones.
pub(crate) async fn set_roles(tx: &mut Tx, user: UserId, roles: &[Role], at: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE api_tokens SET roles = $2, roles_at = $3
         WHERE tenant_id = :tenant AND kind = 'personal' AND user_id = $1 AND roles_at <= $3",
        params![user, json(&roles, "roles")?, at],
    )
    .await?;
    Ok(())
}

/// Puts down when a token was used.
pub(crate) async fn note_use(tx: &mut Tx, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
    tx.execute("UPDATE api_tokens SET last_used_at = $2 WHERE tenant_id = :tenant AND id = $1", params![id, now])
        .await
        .map(drop)
}

/// Takes a token away; false when it was gone.
pub(crate) async fn remove_api_token(tx: &mut Tx, id: Uuid) -> Result<bool, StoreError> {
    let removed = tx.execute("DELETE FROM api_tokens WHERE tenant_id = :tenant AND id = $1", params![id]).await?;
    Ok(removed == 1)
}
