//! What jobs have to do: mails to send, links to make, sessions to end.

use nexus_contracts::session_mgr::RevocationReason;
use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, TenantId, Timestamp, params};

use super::{email, json};
use crate::mail::Mail;
use crate::registration::VerificationRequest;
use crate::session_revocation::SessionRevocation;

impl FromRow for Mail {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            to: email(row, "recipient")?,
            subject: row.get("subject")?,
            text: row.get("body")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// Puts a mail on its way.
pub(crate) async fn add_mail(tx: &mut Tx, mail: &Mail) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO mails (id, tenant_id, recipient, subject, body, created_at, attempts, next_attempt_at)
         VALUES ($1, :tenant, $2, $3, $4, $5, 0, $5) ON CONFLICT (id) DO NOTHING",
        params![mail.id, mail.to.as_str(), mail.subject.as_str(), mail.text.as_str(), mail.created_at],
    )
    .await
    .map(drop)
}

/// One page of the development mailbox, newest first.
pub(crate) async fn mailbox(context: &Context, tenant: TenantId, page: &Page) -> Result<Vec<Mail>, StoreError> {
    context
        .store
        .read(tenant)
        .query(
            "SELECT id, recipient, subject, body, created_at FROM mails
             WHERE tenant_id = :tenant AND (CAST($1 AS TEXT) IS NULL OR id < $1)
             ORDER BY id DESC LIMIT $2",
            params![page.after.clone(), page.fetch()],
        )
        .await
}

/// A mail that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueMail {
    pub(crate) mail: Mail,
    pub(crate) tenant: TenantId,
    pub(crate) attempts: i64,
}

impl FromRow for DueMail {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { mail: Mail::from_row(row)?, tenant: row.get("tenant_id")?, attempts: row.get("attempts")? })
    }
}

/// The mails that are to be sent now, of all tenants.
pub(crate) async fn due_mails(context: &Context, limit: i64) -> Result<Vec<DueMail>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT id, tenant_id, recipient, subject, body, created_at, attempts FROM mails
             WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2",
            params![context.clock.now(), limit],
        )
        .await
}

/// Takes a mail to send it; false when another process has it. Its next attempt is at that moment, unless it is sent by then.
pub(crate) async fn claim_mail(
    context: &Context,
    due: &DueMail,
    next_attempt_at: Timestamp,
) -> Result<bool, StoreError> {
    let mut tx = context.store.begin(due.tenant).await?;
    let claimed = tx
        .execute(
            "UPDATE mails SET attempts = attempts + 1, next_attempt_at = $3
             WHERE tenant_id = :tenant AND id = $1 AND attempts = $2",
            params![due.mail.id, due.attempts, next_attempt_at],
        )
        .await?;
    tx.commit().await?;
    Ok(claimed == 1)
}

/// The mail server has taken the mail.
pub(crate) async fn mail_sent(context: &Context, sent: &DueMail) -> Result<(), StoreError> {
    let mut tx = context.store.begin(sent.tenant).await?;
    tx.execute("DELETE FROM mails WHERE tenant_id = :tenant AND id = $1", params![sent.mail.id]).await?;
    tx.commit().await
}

impl FromRow for VerificationRequest {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.get("id")?, tenant: row.get("tenant_id")?, email: email(row, "email")? })
    }
}

/// Puts down that somebody wants a new link for an address.
pub(crate) async fn add_verification_request(tx: &mut Tx, request: &VerificationRequest) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO verification_requests (id, tenant_id, email) VALUES ($1, :tenant, $2)",
        params![request.id.as_str(), request.email.as_str()],
    )
    .await
    .map(drop)
}

/// The addresses that a new link is wanted for, of all tenants.
pub(crate) async fn verification_requests(
    context: &Context,
    limit: i64,
) -> Result<Vec<VerificationRequest>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query("SELECT id, tenant_id, email FROM verification_requests ORDER BY id LIMIT $1", params![limit])
        .await
}

/// Takes a request to answer it; false when another process has.
pub(crate) async fn take_verification_request(tx: &mut Tx, request: &VerificationRequest) -> Result<bool, StoreError> {
    let taken = tx
        .execute(
            "DELETE FROM verification_requests WHERE tenant_id = :tenant AND id = $1",
            params![request.id.as_str()],
        )
        .await?;
    Ok(taken == 1)
}

impl FromRow for SessionRevocation {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("order_id")?,
            tenant: row.get("tenant_id")?,
            user: row.get("user_id")?,
            reason: json(row, "reason")?,
            attempts: row.get("attempts")?,
        })
    }
}

/// The reason as the store knows it.
fn reason_text(reason: RevocationReason) -> String {
    format!("\"{}\"", reason.as_str())
}

/// Puts down that session-mgr has to end a person's sessions, in place of an earlier order. The job takes it up at that moment.
pub(crate) async fn order_session_revocation(
    tx: &mut Tx,
    order: &SessionRevocation,
    next_attempt_at: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO session_revocations (user_id, tenant_id, order_id, reason, attempts, next_attempt_at)
         VALUES ($1, :tenant, $2, $3, 0, $4)
         ON CONFLICT (user_id) DO UPDATE SET order_id = excluded.order_id, reason = excluded.reason,
             attempts = 0, next_attempt_at = excluded.next_attempt_at",
        params![order.user, order.id.as_str(), reason_text(order.reason), next_attempt_at],
    )
    .await
    .map(drop)
}

/// The people whose sessions session-mgr has to be told to end now, of all tenants.
pub(crate) async fn due_session_revocations(
    context: &Context,
    limit: i64,
) -> Result<Vec<SessionRevocation>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT user_id, tenant_id, order_id, reason, attempts FROM session_revocations
             WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2",
            params![context.clock.now(), limit],
        )
        .await
}

/// session-mgr has ended the sessions; an order that came meanwhile stays.
pub(crate) async fn sessions_revoked(context: &Context, done: &SessionRevocation) -> Result<(), StoreError> {
    let mut tx = context.store.begin(done.tenant).await?;
    tx.execute(
        "DELETE FROM session_revocations WHERE tenant_id = :tenant AND user_id = $1 AND order_id = $2",
        params![done.user, done.id.as_str()],
    )
    .await?;
    tx.commit().await
}

/// session-mgr could not be told; it will be at that moment.
pub(crate) async fn postpone_session_revocation(
    context: &Context,
    failed: &SessionRevocation,
    next_attempt_at: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(failed.tenant).await?;
    tx.execute(
        "UPDATE session_revocations SET attempts = attempts + 1, next_attempt_at = $3
         WHERE tenant_id = :tenant AND user_id = $1 AND order_id = $2",
        params![failed.user, failed.id.as_str(), next_attempt_at],
    )
    .await?;
    tx.commit().await
}

/// Forgets links that have expired, invitations whose links have expired before that moment, and mails that were written before
/// that one.
pub(crate) async fn forget_expired(
    context: &Context,
    now: Timestamp,
    invitations_before: Timestamp,
    mails_before: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("DELETE FROM email_verifications WHERE expires_at <= $1", params![now]).await?;
    tx.execute("DELETE FROM invitations WHERE expires_at <= $1", params![invitations_before]).await?;
    tx.execute("DELETE FROM mails WHERE created_at <= $1", params![mails_before]).await?;
    tx.commit().await
}
