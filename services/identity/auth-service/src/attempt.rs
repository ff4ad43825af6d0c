//! An attempt to sign in, counted as failed until it has succeeded: so attempts at the same moment can't outnumber the limit.

use nexus_contracts::user_auth::EmailAddress;
use nexus_kernel::blobs::hex;
use nexus_kernel::store::{Scope, StoreError, Tx};
use nexus_kernel::{Context, Problem, Timestamp};
use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::error::Error;
use crate::lockout::{Failures, LONGEST_MEMORY, Limit};
use crate::store;

/// What failures are counted for, hashed: an account or a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject(pub(crate) String);

impl Subject {
    fn account(email: &EmailAddress) -> Self {
        Self::of("account", email.as_str())
    }

    fn of(kind: &str, name: &str) -> Self {
        Self(hex(&Sha256::digest(format!("{kind}:{name}").as_bytes())))
    }
}

/// One subject's part of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Counted {
    subject: Subject,
    before: Failures,
}

/// An attempt under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    account: Counted,
    network: Option<Counted>,
    at: Timestamp,
}

/// Begins an attempt, or says how long to wait. One that has to wait does not count.
pub(crate) async fn begin(context: &Context, email: &EmailAddress, client: &Client) -> Result<Attempt, Error> {
    let at = context.clock.now();
    // Failures have no tenant: see the schema. Always the account first, so that two attempts never wait for each other.
    let mut tx = context.store.begin(Scope::System).await?;
    let account = count(&mut tx, Subject::account(email), Limit::ACCOUNT, at).await?;
    let network = match client.network() {
        Some(network) => {
            let subject = Subject::of("network", &network.to_string());
            Some(count(&mut tx, subject, Limit::NETWORK, at).await?)
        }
        None => None,
    };
    tx.commit().await?;
    Ok(Attempt { account, network, at })
}

async fn count(tx: &mut Tx, subject: Subject, limit: Limit, at: Timestamp) -> Result<Counted, Error> {
    let before = store::failures(tx, &subject, at).await?;
    let after = before.another(limit, at).map_err(Error::Locked)?;
    store::set_failures(tx, &subject, after).await?;
    Ok(Counted { subject, before })
}

impl Attempt {
    /// The password was right: the account's failures are forgotten, and the network's are what they were. They are not
    /// forgotten, as whoever guesses may have an account of their own.
    pub(crate) async fn succeeded(self, context: &Context) -> Result<(), StoreError> {
        let mut tx = context.store.begin(Scope::System).await?;
        store::forget(&mut tx, &self.account.subject).await?;
        if let Some(network) = &self.network {
            take_back(&mut tx, network, self.at).await?;
        }
        tx.commit().await
    }

    /// Whether the password was right can't be said now: the attempt never was.
    pub(crate) async fn never_was(self, context: &Context) -> Result<(), StoreError> {
        let mut tx = context.store.begin(Scope::System).await?;
        take_back(&mut tx, &self.account, self.at).await?;
        if let Some(network) = &self.network {
            take_back(&mut tx, network, self.at).await?;
        }
        tx.commit().await
    }
}

async fn take_back(tx: &mut Tx, counted: &Counted, at: Timestamp) -> Result<(), StoreError> {
    store::take_back(tx, &counted.subject, at, counted.before).await
}

/// Forgets failures that no limit remembers.
pub(crate) async fn forget(context: Context) -> Result<(), Problem> {
    store::forget_before(&context, context.clock.now().minus(LONGEST_MEMORY)).await?;
    Ok(())
}
