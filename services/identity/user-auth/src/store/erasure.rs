//! Accounts that are gone for good.

use nexus_kernel::store::{Query, Scalar, StoreError, Tx};
use nexus_kernel::{Timestamp, UserId, params};

use crate::user::User;

/// Removes everything that is known of a person but the id; false unless the account still has this version.
pub(crate) async fn erase_user(tx: &mut Tx, user: &User, by: UserId, now: Timestamp) -> Result<bool, StoreError> {
    let erased = tx
        .execute(
            "DELETE FROM users WHERE tenant_id = :tenant AND id = $1 AND version = $2",
            params![user.id, user.version],
        )
        .await?;
    if erased == 0 {
        return Ok(false);
    }
    for sql in [
        "DELETE FROM directory_values WHERE tenant_id = :tenant AND resource_id = $1",
        "DELETE FROM group_members WHERE tenant_id = :tenant AND user_id = $1",
        "DELETE FROM email_verifications WHERE tenant_id = :tenant AND user_id = $1",
    ] {
        tx.execute(sql, params![user.id]).await?;
    }
    for sql in [
        "DELETE FROM invitations WHERE tenant_id = :tenant AND email = $1",
        "DELETE FROM verification_requests WHERE tenant_id = :tenant AND email = $1",
        "DELETE FROM mails WHERE tenant_id = :tenant AND recipient = $1",
    ] {
        tx.execute(sql, params![user.email.as_str()]).await?;
    }
    tx.execute(
        "INSERT INTO erased_users (id, tenant_id, erased_at, erased_by) VALUES ($1, :tenant, $2, $3)",
        params![user.id, now, by],
    )
    .await?;
    Ok(true)
}

/// Whether it was somebody's account.
pub(crate) async fn is_erased(query: &mut impl Query, id: UserId) -> Result<bool, StoreError> {
    let found: Vec<Scalar<UserId>> =
        query.query("SELECT id FROM erased_users WHERE tenant_id = :tenant AND id = $1", params![id]).await?;
    Ok(!found.is_empty())
}
