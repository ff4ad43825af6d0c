//! Failures, by what they are counted for. All in the system's scope: see the schema.

use nexus_kernel::store::{FromRow, Query, Row, Scalar, Scope, StoreError, Tx};
use nexus_kernel::{Context, Timestamp, params};

use crate::attempt::Subject;
use crate::lockout::Failures;

impl FromRow for Failures {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let count: u32 = row.get("failures")?;
        Ok(Self { count, last: if count == 0 { None } else { Some(row.get("last_failed_at")?) } })
    }
}

/// The failures of a subject. The row that this writes also makes two attempts wait for each other on PostgreSQL.
pub(crate) async fn failures(tx: &mut Tx, subject: &Subject, now: Timestamp) -> Result<Failures, StoreError> {
    tx.execute(
        "INSERT INTO sign_in_failures (subject, failures, last_failed_at) VALUES ($1, 0, $2)
         ON CONFLICT (subject) DO UPDATE SET failures = sign_in_failures.failures",
        params![subject.0.as_str(), now],
    )
    .await?;
    tx.query_one(
        "SELECT failures, last_failed_at FROM sign_in_failures WHERE subject = $1",
        params![subject.0.as_str()],
    )
    .await
}

/// Stores the failures of a subject.
pub(crate) async fn set_failures(tx: &mut Tx, subject: &Subject, failures: Failures) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE sign_in_failures SET failures = $2, last_failed_at = COALESCE($3, last_failed_at) WHERE subject = $1",
        params![subject.0.as_str(), failures.count, failures.last],
    )
    .await
    .map(drop)
}

/// Takes one failure back. The last one is again when it was before, unless another has come since.
pub(crate) async fn take_back(
    tx: &mut Tx,
    subject: &Subject,
    at: Timestamp,
    before: Failures,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE sign_in_failures SET failures = failures - 1,
             last_failed_at = CASE WHEN last_failed_at = $2 THEN COALESCE($3, last_failed_at) ELSE last_failed_at END
         WHERE subject = $1 AND failures > 0",
        params![subject.0.as_str(), at, before.last],
    )
    .await
    .map(drop)
}

/// Forgets the failures of a subject.
pub(crate) async fn forget(tx: &mut Tx, subject: &Subject) -> Result<(), StoreError> {
    tx.execute("DELETE FROM sign_in_failures WHERE subject = $1", params![subject.0.as_str()]).await.map(drop)
}

/// Writes down that a network tries an account; whether it did not since that moment.
pub(crate) async fn try_account(
    tx: &mut Tx,
    network: &Subject,
    account: &Subject,
    since: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let before: Option<Scalar<Timestamp>> = tx
        .query_optional(
            "SELECT last_tried_at FROM accounts_tried WHERE network = $1 AND account = $2",
            params![network.0.as_str(), account.0.as_str()],
        )
        .await?;
    tx.execute(
        "INSERT INTO accounts_tried (network, account, last_tried_at) VALUES ($1, $2, $3)
         ON CONFLICT (network, account) DO UPDATE SET last_tried_at = excluded.last_tried_at",
        params![network.0.as_str(), account.0.as_str(), now],
    )
    .await?;
    Ok(before.is_none_or(|Scalar(at)| at <= since))
}

/// Forgets that a network tried an account.
pub(crate) async fn untry_account(tx: &mut Tx, network: &Subject, account: &Subject) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM accounts_tried WHERE network = $1 AND account = $2",
        params![network.0.as_str(), account.0.as_str()],
    )
    .await
    .map(drop)
}

/// Forgets all failures before that moment.
pub(crate) async fn forget_failures_before(context: &Context, moment: Timestamp) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute("DELETE FROM sign_in_failures WHERE last_failed_at <= $1", params![moment]).await?;
    tx.execute("DELETE FROM accounts_tried WHERE last_tried_at <= $1", params![moment]).await?;
    tx.commit().await
}
