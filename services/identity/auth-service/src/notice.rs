//! What people have to know of their account: written with what it is about, and told to user-auth, which mails it, by a job
//! that tries until it is.

use std::time::Duration;

use nexus_contracts::user_auth::{Notice, SendNotice, UserAuth};
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, Problem, UserId, backoff};

use crate::store;

/// The job's name.
pub(crate) const JOB: &str = "tell-people";
/// The most notices that are read at once.
const BATCH: i64 = 100;
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// A notice that is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueNotice {
    pub(crate) notice: SendNotice,
    pub(crate) attempts: i64,
}

/// Puts a notice on its way. Wake [`JOB`] once it is committed.
pub(crate) async fn put(context: &Context, tx: &mut Tx, user: UserId, notice: &Notice) -> Result<(), StoreError> {
    store::add_notice(tx, context.ids.next(), user, notice, context.clock.now()).await
}

/// Tells what is due.
pub(crate) async fn tell(context: Context) -> Result<(), Problem> {
    loop {
        let due = store::due_notices(&context, BATCH).await?;
        if due.is_empty() {
            return Ok(());
        }
        for notice in &due {
            attempt(&context, notice).await?;
        }
    }
}

async fn attempt(context: &Context, due: &DueNotice) -> Result<(), Problem> {
    match UserAuth::new(&context.mesh).send_notice(&due.notice).await {
        Ok(()) => store::notice_told(context, due).await?,
        Err(error) => {
            tracing::warn!(user = %due.notice.user, %error, "a notice could not be mailed yet");
            let next = context.clock.now().plus(backoff(due.attempts, LONGEST_WAIT));
            store::postpone_notice(context, due, next).await?;
        }
    }
    Ok(())
}
