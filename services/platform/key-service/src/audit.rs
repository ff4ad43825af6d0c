//! The log of who did what with which key or secret, and never of what was in it. A use is in the log before its result is given
//! out: uses that come together are written together, as each of them would wait for the disk.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::scope::RequestScope;
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, Problem, TenantId, Timestamp};
use serde::Serialize;
use tokio::sync::{Mutex as Turn, oneshot};
use utoipa::ToSchema;

use crate::asker::Asker;
use crate::store::audit as store;

/// The most lines that wait to be written.
const MOST: usize = 10_000;
/// How many lines one pass of the job forgets.
const BATCH: i64 = 5_000;
/// Who it is when it was no person.
const BY_ITSELF: &str = "key-service";

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = KeyUseOutcome)]
pub(crate) enum Outcome {
    /// It was done.
    Done,
    /// It was not allowed.
    Denied,
    /// It was allowed and could not be done, as for a ciphertext that was changed.
    Failed,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Done, Self::Denied, Self::Failed];

    /// The outcome's name, as in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }

    /// The outcome of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) tenant: TenantId,
    pub(crate) by: String,
    pub(crate) action: &'static str,
    pub(crate) target: String,
    pub(crate) version: Option<u32>,
    pub(crate) number: u32,
    pub(crate) outcome: Outcome,
    pub(crate) request_id: String,
    pub(crate) at: Timestamp,
}

/// A line of the log, as people read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AuditLine {
    /// Its id; sorts by time.
    #[schema(example = "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11")]
    pub(crate) id: String,
    /// The person's id, or `key-service` for what happens by itself.
    #[schema(example = "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11")]
    pub(crate) by: String,
    /// What was done, as in the policies.
    #[schema(example = "encrypt")]
    pub(crate) action: String,
    /// With what: `transit/<key>`, `secret/<path>`, `seal` or `audit`.
    #[schema(example = "transit/orders")]
    pub(crate) target: String,
    /// With which version of it.
    #[schema(example = 1)]
    pub(crate) version: Option<u32>,
    /// How often, in this one request.
    #[schema(example = 1)]
    pub(crate) number: u32,
    /// How it went.
    pub(crate) outcome: Outcome,
    /// The request's id, as in all logs.
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub(crate) request_id: String,
    /// When.
    pub(crate) at: Timestamp,
}

impl Line {
    fn new(context: &Context, tenant: TenantId, by: String, action: &'static str, target: &str) -> Self {
        Self {
            id: context.ids.next().to_string(),
            tenant,
            by,
            action,
            target: target.to_owned(),
            version: None,
            number: 1,
            outcome: Outcome::Done,
            request_id: RequestScope::current().map(|scope| scope.request_id).unwrap_or_default(),
            at: context.clock.now(),
        }
    }

    /// The asker did it.
    pub(crate) fn of(asker: &Asker, action: &'static str, target: &str) -> Self {
        let Asker { context, principal } = asker;
        Self::new(context, principal.tenant, principal.user.to_string(), action, target)
    }

    /// It happened by itself, to something of this tenant.
    pub(crate) fn of_service(context: &Context, tenant: TenantId, action: &'static str, target: &str) -> Self {
        Self::new(context, tenant, BY_ITSELF.to_owned(), action, target)
    }

    pub(crate) fn version(self, version: u32) -> Self {
        Self { version: Some(version), ..self }
    }

    pub(crate) fn number(self, number: usize) -> Self {
        Self { number: u32::try_from(number).unwrap_or(u32::MAX), ..self }
    }

    pub(crate) fn denied(self) -> Self {
        Self { outcome: Outcome::Denied, ..self }
    }

    pub(crate) fn failed(self) -> Self {
        Self { outcome: Outcome::Failed, ..self }
    }
}

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    waiting: Mutex<Vec<Waiting>>,
    turn: Turn<()>,
}

#[derive(Debug)]
struct Waiting {
    line: Line,
    written: oneshot::Sender<Result<(), StoreError>>,
}

impl Auditor {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(&self, line: Line) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let (written, heard) = oneshot::channel();
        let mut waiting = self.waiting();
        if waiting.len() >= MOST {
            return Err(StoreError::Busy("too many uses of keys wait to be logged"));
        }
        waiting.push(Waiting { line, written });
        Ok(heard)
    }

    /// Writes everything that waits.
    async fn flush(&self, context: &Context) {
        let (lines, heard): (Vec<_>, Vec<_>) =
            std::mem::take(&mut *self.waiting()).into_iter().map(|waiting| (waiting.line, waiting.written)).unzip();
        if lines.is_empty() {
            return;
        }
        let result = store::add_all(context, &lines).await;
        for written in heard {
            // Whoever does not listen any more has left.
            let _ = written.send(result.clone());
        }
    }
}

/// Puts down a use; returns when it is durable. Whoever comes first writes for all who wait; when its request is given up in
/// the middle, the others begin again, and a line that was written then is not written twice.
pub(crate) async fn write(context: &Context, line: Line) -> Result<(), StoreError> {
    let auditor = context.state::<Auditor>();
    loop {
        let mut heard = auditor.enqueue(line.clone())?;
        let result = tokio::select! {
            biased;
            result = &mut heard => result,
            _turn = auditor.turn.lock() => {
                auditor.flush(context).await;
                heard.await
            }
        };
        if let Ok(result) = result {
            return result;
        }
    }
}

/// Puts down a change, in the unit of work that makes it.
pub(crate) async fn add(tx: &mut Tx, line: &Line) -> Result<(), StoreError> {
    store::add(tx, line).await
}

/// One page of the log, newest first, of one key or secret when it is named.
pub(crate) async fn page(asker: &Asker, target: Option<&str>, page: &Page) -> Result<Paged<AuditLine>, StoreError> {
    let lines = store::page(&asker.context, asker.principal.tenant, target, page).await?;
    Ok(Paged::of(lines, page, |line| line.id.clone()))
}

/// Forgets the lines that are older than they have to be.
pub(crate) async fn forget_old(context: Context) -> Result<(), Problem> {
    let days = context.config.keys.audit_days.max(1);
    let before = context.clock.now().minus(Duration::from_hours(24 * u64::from(days)));
    while store::forget_before(&context, before, BATCH).await? > 0 {}
    Ok(())
}
