//! Calls that other services are owed: written with the event that causes them, made by a job until each has succeeded.
//!
//! The calls about one content item are made in their order, one at a time, however many instances of the service run.

use std::time::Duration;

use futures::StreamExt;
use http::StatusCode;
use nexus_contracts::content_management::{ContentId, ContentManagement, MediaReport};
use nexus_contracts::streamcore::{OrderTranscode, Streamcore};
use nexus_kernel::mesh::MeshError;
use nexus_kernel::store::Scope;
use nexus_kernel::{Cause, Context, Problem, TenantId, backoff};
use serde::{Deserialize, Serialize};

use crate::store;

/// The job's name.
pub(crate) const JOB: &str = "call";
/// How many calls are read at once, and how many are made at once.
const BATCH: i64 = 64;
const AT_ONCE: usize = 8;
/// How long a call is its maker's alone; longer than the mesh lets a call take.
const LEASE: Duration = Duration::from_secs(30);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A call that another service is owed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "lowercase")]
pub(crate) enum Task {
    /// streamcore is to make the item's media playable.
    Order {
        /// The source file's key in the blob store.
        source_key: String,
    },
    /// content-management is to know how far the item's media is.
    Report {
        /// How far.
        report: MediaReport,
    },
    /// streamcore is to remove what it made of the item.
    Remove,
}

impl Task {
    /// What it is, for queries.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Order { .. } => "order",
            Self::Report { report: MediaReport::Processing { .. } } => "progress",
            Self::Report { .. } => "report",
            Self::Remove => "remove",
        }
    }
}

/// A task with its place in the queue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Queued {
    pub(crate) number: i64,
    pub(crate) tenant: TenantId,
    pub(crate) content: ContentId,
    pub(crate) task: Task,
    pub(crate) attempts: i64,
    /// The trace of the event that caused it.
    pub(crate) cause: Cause,
}

/// Makes every call that is due, until none is.
pub(crate) async fn work(ctx: Context) -> Result<(), Problem> {
    loop {
        let due = store::due(&mut ctx.store.read(Scope::System), ctx.clock.now(), BATCH).await?;
        if due.is_empty() || ctx.shutdown.is_cancelled() {
            return Ok(());
        }
        let results: Vec<_> =
            futures::stream::iter(due).map(|queued| attempt(&ctx, queued)).buffer_unordered(AT_ONCE).collect().await;
        results.into_iter().collect::<Result<(), Problem>>()?;
    }
}

async fn attempt(ctx: &Context, queued: Queued) -> Result<(), Problem> {
    let now = ctx.clock.now();
    let mut tx = ctx.store.begin(queued.tenant).await?;
    if !store::claim(&mut tx, queued.number, now, now.plus(LEASE)).await? {
        return Ok(());
    }
    tx.commit().await?;
    let span = tracing::info_span!("call", service = ctx.service, content = %queued.content, kind = queued.task.kind());
    let called = Box::pin(queued.cause.resume(span, call(ctx, &queued))).await;
    let mut tx = ctx.store.begin(queued.tenant).await?;
    match called {
        Ok(()) => store::done(&mut tx, queued.number).await?,
        Err(error) => {
            tracing::warn!(content = %queued.content, call = queued.task.kind(), %error, "a call failed and will be made again");
            let next = ctx.clock.now().plus(backoff(queued.attempts, LONGEST_WAIT));
            store::postpone(&mut tx, queued.number, next).await?
        }
    };
    tx.commit().await?;
    Ok(())
}

async fn call(ctx: &Context, queued: &Queued) -> Result<(), MeshError> {
    let (tenant, content) = (queued.tenant, queued.content);
    match &queued.task {
        Task::Order { source_key } => {
            let order = OrderTranscode { tenant, content_id: content, source_key: source_key.clone() };
            Streamcore::new(&ctx.mesh).order(&order).await.map(drop)
        }
        Task::Report { report } => match ContentManagement::new(&ctx.mesh).report_media(content, report).await {
            // The item was deleted meanwhile: nobody is left who wants to know.
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(()),
            reported => reported,
        },
        Task::Remove => Streamcore::new(&ctx.mesh).remove(tenant, content).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_survives_its_store() {
        for task in [
            Task::Order { source_key: "uploads/a/b".to_owned() },
            Task::Report { report: MediaReport::Processing { progress: 0.5 } },
            Task::Report { report: MediaReport::Failed { error: "cut off".to_owned(), retryable: false } },
            Task::Remove,
        ] {
            let json = serde_json::to_string(&task).unwrap();
            assert_eq!(serde_json::from_str::<Task>(&json).unwrap(), task, "{json}");
        }
    }
}
