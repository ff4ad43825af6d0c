//! An attempt to prove who one is, counted as failed until it has succeeded: so attempts at the same moment can't outnumber the
//! limit.
//!
//! A browser that signed in to an account before has an allowance of its own there. Everybody else shares those of the account,
//! of their network, and of the account as tried from their network. So whoever guesses uses up what strangers have, and not
//! what the person has at home (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").

use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::user_auth::EmailAddress;
use nexus_kernel::blobs::hex;
use nexus_kernel::store::{Scope, StoreError, Tx};
use nexus_kernel::{Context, Problem, Timestamp, UserId};
use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::device;
use crate::error::Error;
use crate::lockout::{Failures, LONGEST_MEMORY, Limit};
use crate::store;

/// What failures are counted for, hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject(pub(crate) String);

impl Subject {
    /// An account, whether it exists or not: by its address, as that is all that somebody who signs in says.
    pub(crate) fn account(email: &EmailAddress) -> Self {
        Self::of("account", email.as_str())
    }

    fn of(kind: &str, name: &str) -> Self {
        Self(hex(&Sha256::digest(format!("{kind}:{name}").as_bytes())))
    }

    /// Enough of it to tell the accounts of one browser apart.
    pub(crate) fn short(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }
}

/// What becomes of a count when the attempt succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterSuccess {
    /// All failures are forgotten.
    Forget,
    /// They are what they were before: whoever guesses may have an account of their own, and must not start anew by using it.
    TakeBack,
}

/// One thing that an attempt counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Count {
    subject: Subject,
    limit: Limit,
    after: AfterSuccess,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Counted {
    subject: Subject,
    before: Failures,
    after: AfterSuccess,
}

/// An account that a network tries to enter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tried {
    network: Subject,
    account: Subject,
}

/// An attempt under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    counted: Vec<Counted>,
    /// The account, when it is a new one for its network.
    tried: Option<Tried>,
    at: Timestamp,
}

/// Begins an attempt to enter an account with its password, or says how long to wait. One that has to wait does not count.
pub(crate) async fn begin(context: &Context, email: &EmailAddress, client: &Client) -> Result<Attempt, Error> {
    let account = Subject::account(email);
    if let Some(device) = device::known(context, client, &account).await? {
        let subject = Subject::of("device", &device.to_string());
        return of_one(context, subject, Limit::DEVICE).await;
    }
    let network = client.network_text();
    let place = Subject::of("place", &format!("{network}:{}", account.0));
    // In an order that is the same for all attempts, so that two never wait for each other.
    let mut counts = vec![
        Count { subject: account.clone(), limit: Limit::ACCOUNT, after: AfterSuccess::Forget },
        Count { subject: place, limit: Limit::PLACE, after: AfterSuccess::Forget },
    ];
    let tried = (!network.is_empty()).then(|| Tried { network: Subject::of("network", &network), account });
    if let Some(tried) = &tried {
        let subject = tried.network.clone();
        counts.push(Count { subject, limit: Limit::NETWORK, after: AfterSuccess::TakeBack });
    }
    count(context, counts, tried).await
}

/// Begins an attempt to show a second factor.
pub(crate) async fn begin_second_factor(
    context: &Context,
    user: UserId,
    account: &Subject,
    client: &Client,
) -> Result<Attempt, Error> {
    let whose = match device::known(context, client, account).await? {
        Some(device) => format!("{user}:{device}"),
        None => user.to_string(),
    };
    of_one(context, Subject::of("second-factor", &whose), Limit::SECOND_FACTOR).await
}

/// Begins an attempt of somebody signed in to show again who they are. Counted for the session: whoever stole it can't use up
/// what the person's others have.
pub(crate) async fn begin_step_up(context: &Context, session: SessionId) -> Result<Attempt, Error> {
    of_one(context, Subject::of("step-up", &session.to_string()), Limit::STEP_UP).await
}

async fn of_one(context: &Context, subject: Subject, limit: Limit) -> Result<Attempt, Error> {
    count(context, vec![Count { subject, limit, after: AfterSuccess::Forget }], None).await
}

async fn count(context: &Context, counts: Vec<Count>, tried: Option<Tried>) -> Result<Attempt, Error> {
    let at = context.clock.now();
    // Failures have no tenant: see the schema.
    let mut tx = context.store.begin(Scope::System).await?;
    let mut counted = Vec::with_capacity(counts.len() + 1);
    for count in counts {
        counted.push(count_one(&mut tx, count, at).await?);
    }
    let tried = match tried {
        Some(tried) => new_there(&mut tx, tried, at).await?,
        None => None,
    };
    if let Some(tried) = &tried {
        let subject = Subject::of("accounts-of", &tried.network.0);
        let limit = Limit::ACCOUNTS_OF_NETWORK;
        counted.push(count_one(&mut tx, Count { subject, limit, after: AfterSuccess::TakeBack }, at).await?);
    }
    tx.commit().await?;
    Ok(Attempt { counted, tried, at })
}

async fn count_one(tx: &mut Tx, count: Count, at: Timestamp) -> Result<Counted, Error> {
    let Count { subject, limit, after } = count;
    let before = store::failures(tx, &subject, at).await?;
    let now = before.another(limit, at).map_err(Error::Locked)?;
    store::set_failures(tx, &subject, now).await?;
    Ok(Counted { subject, before, after })
}

/// The account, if its network did not try it lately.
async fn new_there(tx: &mut Tx, tried: Tried, at: Timestamp) -> Result<Option<Tried>, StoreError> {
    let since = at.minus(Limit::ACCOUNTS_OF_NETWORK.memory());
    let new = store::try_account(tx, &tried.network, &tried.account, since, at).await?;
    Ok(new.then_some(tried))
}

impl Attempt {
    /// It was who they said.
    pub(crate) async fn succeeded(self, context: &Context) -> Result<(), StoreError> {
        let mut tx = context.store.begin(Scope::System).await?;
        for counted in &self.counted {
            match counted.after {
                AfterSuccess::Forget => store::forget(&mut tx, &counted.subject).await?,
                AfterSuccess::TakeBack => store::take_back(&mut tx, &counted.subject, self.at, counted.before).await?,
            }
        }
        self.untry(&mut tx).await?;
        tx.commit().await
    }

    /// Whether it was can't be said now: the attempt never was.
    pub(crate) async fn never_was(self, context: &Context) -> Result<(), StoreError> {
        let mut tx = context.store.begin(Scope::System).await?;
        for counted in &self.counted {
            store::take_back(&mut tx, &counted.subject, self.at, counted.before).await?;
        }
        self.untry(&mut tx).await?;
        tx.commit().await
    }

    async fn untry(&self, tx: &mut Tx) -> Result<(), StoreError> {
        match &self.tried {
            Some(tried) => store::untry_account(tx, &tried.network, &tried.account).await,
            None => Ok(()),
        }
    }
}

/// Forgets failures that no limit remembers.
pub(crate) async fn forget(context: Context) -> Result<(), Problem> {
    store::forget_failures_before(&context, context.clock.now().minus(LONGEST_MEMORY)).await?;
    Ok(())
}
