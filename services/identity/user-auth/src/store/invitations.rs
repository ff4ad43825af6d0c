//! Invitations.

use nexus_contracts::user_auth::{EmailAddress, GroupId};
use nexus_kernel::auth::Role;
use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Context, TenantId, Timestamp, params};

use super::{email, json, role_names};
use crate::invitation::{Invitation, InvitationId};
use crate::verification::TokenHash;

const COLUMNS: &str = "id, email, roles, groups, invited_by, token_hash, created_at, expires_at";

impl FromRow for Invitation {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            email: email(row, "email")?,
            roles: role_names(row, "roles")?,
            groups: json(row, "groups")?,
            invited_by: row.get("invited_by")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            token: TokenHash(row.get("token_hash")?),
        })
    }
}

fn ids(groups: &[GroupId]) -> String {
    let ids: Vec<String> = groups.iter().map(|id| format!("\"{id}\"")).collect();
    format!("[{}]", ids.join(","))
}

fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
}

/// Adds an invitation; false when its address has one.
pub(crate) async fn add_invitation(tx: &mut Tx, invitation: &Invitation) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO invitations (id, tenant_id, email, roles, groups, invited_by, token_hash, created_at, expires_at)
             VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, email) DO NOTHING",
            params![
                invitation.id,
                invitation.email.as_str(),
                names(&invitation.roles),
                ids(&invitation.groups),
                invitation.invited_by,
                invitation.token.0.as_str(),
                invitation.created_at,
                invitation.expires_at,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// How many invitations of the organisation wait for an answer.
pub(crate) async fn count_invitations(tx: &mut Tx) -> Result<i64, StoreError> {
    let Scalar(count) = tx.query_one("SELECT count(*) FROM invitations WHERE tenant_id = :tenant", params![]).await?;
    Ok(count)
}

/// One page of an organisation's invitations, newest first.
pub(crate) async fn invitations(
    context: &Context,
    tenant: TenantId,
    page: &Page,
) -> Result<Vec<Invitation>, StoreError> {
    context
        .store
        .read(tenant)
        .query(
            &format!(
                "SELECT {COLUMNS} FROM invitations
                 WHERE tenant_id = :tenant AND (CAST($1 AS TEXT) IS NULL OR id < $1) ORDER BY id DESC LIMIT $2"
            ),
            params![page.after.clone(), page.fetch()],
        )
        .await
}

/// An invitation.
pub(crate) async fn invitation(query: &mut impl Query, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
    query
        .query_optional(
            &format!("SELECT {COLUMNS} FROM invitations WHERE tenant_id = :tenant AND id = $1"),
            params![id],
        )
        .await
}

/// The organisation of a link. Across tenants: the token itself is all that its bearer shows, and it names its tenant.
pub(crate) async fn invitation_tenant(context: &Context, hash: &TokenHash) -> Result<Option<TenantId>, StoreError> {
    let found: Option<Scalar<TenantId>> = context
        .store
        .read(Scope::System)
        .query_optional("SELECT tenant_id FROM invitations WHERE token_hash = $1", params![hash.0.as_str()])
        .await?;
    Ok(found.map(|Scalar(tenant)| tenant))
}

/// The invitation of a link that is still good.
pub(crate) async fn invitation_by_token(
    query: &mut impl Query,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<Invitation>, StoreError> {
    query
        .query_optional(
            &format!(
                "SELECT {COLUMNS} FROM invitations WHERE tenant_id = :tenant AND token_hash = $1 AND expires_at > $2"
            ),
            params![hash.0.as_str(), now],
        )
        .await
}

/// Gives an invitation another link in place of the one that it had.
pub(crate) async fn renew_invitation(tx: &mut Tx, renewed: &Invitation) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE invitations SET token_hash = $2, expires_at = $3, invited_by = $4 WHERE tenant_id = :tenant AND id = $1",
        params![renewed.id, renewed.token.0.as_str(), renewed.expires_at, renewed.invited_by],
    )
    .await
    .map(drop)
}

/// Removes an invitation; false when there is none, or somebody else was first.
pub(crate) async fn remove_invitation(tx: &mut Tx, id: InvitationId) -> Result<bool, StoreError> {
    let removed = tx.execute("DELETE FROM invitations WHERE tenant_id = :tenant AND id = $1", params![id]).await?;
    Ok(removed == 1)
}

/// Removes the invitation of an address, if there is one.
pub(crate) async fn remove_invitation_of(tx: &mut Tx, email: &EmailAddress) -> Result<(), StoreError> {
    tx.execute("DELETE FROM invitations WHERE tenant_id = :tenant AND email = $1", params![email.as_str()])
        .await
        .map(drop)
}
