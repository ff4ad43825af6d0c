//! The seal: what everything stored is encrypted with, and who can open it. Root keys encrypt; a master key, that is never in the
//! store, encrypts the root keys. Until it is there, nothing opens.

mod master;
mod roots;
mod shares;
mod unseal;

use std::sync::{Arc, PoisonError, RwLock};

use nexus_contracts::key_service::KeysSealed;
use nexus_kernel::config::SealKind;
use nexus_kernel::events::Delivery;
use nexus_kernel::{Context, Ids, Problem, Timestamp};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

pub(crate) use roots::{Purpose, Roots, WrappedRoot, joined};
pub(crate) use shares::MAX_SHARES;
pub(crate) use unseal::{Progress, Status, initialise, rotate, seal, status, submit};

use crate::error::Error;

/// The job's name.
pub(crate) const JOB: &str = "unseal";

/// How the stored keys are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealRecord {
    pub(crate) kind: SealKind,
    /// What a passphrase is hashed with.
    pub(crate) salt: Option<Vec<u8>>,
    /// How many shares there are, and how many it takes; both 1 where there are none.
    pub(crate) shares: u8,
    pub(crate) threshold: u8,
}

/// What this process knows of the keys.
#[derive(Debug)]
pub(crate) struct Seal {
    state: RwLock<State>,
    /// One attempt to open it at a time, and the shares that have come so far.
    attempt: Mutex<Progress>,
    init_token: String,
}

#[derive(Debug, Clone)]
enum State {
    /// The roots are there.
    Open(Arc<Roots>),
    /// They are not, and may be had without a person.
    Closed { failed: Option<Failure> },
    /// They are not, because a person said so.
    ClosedByPerson,
}

/// Why and when the last attempt failed.
#[derive(Debug, Clone)]
struct Failure {
    error: Error,
    at: Timestamp,
}

impl Seal {
    pub(crate) fn new(ids: &Ids) -> Self {
        Self {
            state: RwLock::new(State::Closed { failed: None }),
            attempt: Mutex::default(),
            init_token: ids.random_token(),
        }
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// The roots, when they are there without asking anybody.
    pub(crate) fn open_roots(&self) -> Option<Arc<Roots>> {
        match self.state() {
            State::Open(roots) => Some(roots),
            State::Closed { .. } | State::ClosedByPerson => None,
        }
    }

    /// Whether somebody shows the token that this process printed at its start.
    pub(crate) fn is_init_token(&self, presented: &str) -> bool {
        self.init_token.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

/// The root keys; opens the seal where that takes nobody.
pub(crate) async fn roots(context: &Context) -> Result<Arc<Roots>, Error> {
    match context.state::<Seal>().open_roots() {
        Some(roots) => Ok(roots),
        None => unseal::by_itself(context).await,
    }
}

/// Encrypts for the store, under the newest root key.
pub(crate) async fn protect(
    context: &Context,
    purpose: Purpose<'_>,
    aad: &[&str],
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    Ok(roots(context).await?.protect(purpose, aad, plaintext))
}

/// Decrypts what [`protect`] made. A root key that this process does not know was made by another one meanwhile.
pub(crate) async fn reveal(
    context: &Context,
    purpose: Purpose<'_>,
    aad: &[&str],
    stored: &[u8],
) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
    let mut roots = roots(context).await?;
    if !roots.knows_root_of(stored) {
        roots = unseal::read_again(context, &roots).await?;
    }
    roots.reveal(purpose, aad, stored)
}

/// Opens the seal at start, and tells once what a person has to do when it takes one.
pub(crate) async fn open_at_start(context: Context) -> Result<(), Problem> {
    unseal::open_at_start(&context).await;
    Ok(())
}

/// Another instance was sealed by a person: so is this one.
pub(crate) fn observe_sealed(context: &Context, _: &Delivery<KeysSealed>) {
    unseal::close(context);
}

/// Why this process can't work; a seal that waits for people is none of the reasons, as they must reach it.
pub(crate) async fn ready(context: &Context) -> Result<(), String> {
    match roots(context).await {
        Ok(_) | Err(Error::NotInitialised) => Ok(()),
        Err(error) => match context.state::<Seal>().state() {
            State::Closed { failed: Some(failure) } if context.config.keys.seal != SealKind::Shamir => {
                Err(failure.error.to_string())
            }
            State::Closed { .. } if matches!(error, Error::Store(_)) => Err(error.to_string()),
            _ => Ok(()),
        },
    }
}

/// The newest root key's generation, and when it was made.
pub(crate) async fn newest(context: &Context) -> Result<(u32, Timestamp), Error> {
    crate::store::seals::newest(context).await?.ok_or(Error::NotInitialised)
}
