//! How the seal opens and closes.

use std::sync::Arc;
use std::time::Duration;

use blahaj::Share;
use nexus_contracts::key_service::KeysSealed;
use nexus_kernel::Context;
use nexus_kernel::config::{KeysConfig, SealKind};
use tokio::sync::MutexGuard;

use super::roots::Roots;
use super::shares::{self, Initialised};
use super::{Failure, Seal, SealRecord, State, master};
use crate::aead::{Key, random_key};
use crate::columns::{CLOUD, ContextKeys};
use crate::error::Error;
use crate::store::seals;
use crate::transit::KeyCache;

/// How long after a failed attempt the next one is made.
const PAUSE: Duration = Duration::from_secs(1);

/// The shares that have come so far.
#[derive(Default)]
pub(crate) struct Progress {
    shares: Vec<Share>,
    told: bool,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("shares", &self.shares.len()).finish_non_exhaustive()
    }
}

/// How the seal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) initialised: bool,
    pub(crate) sealed: bool,
    pub(crate) record: SealRecord,
    pub(crate) progress: usize,
}

/// How the seal is.
pub(crate) async fn status(context: &Context) -> Result<Status, Error> {
    let seal = context.state::<Seal>();
    // First, as this may make the keys.
    let sealed = super::roots(context).await.is_err();
    let record = seals::record(context).await?;
    let initialised = record.is_some();
    let progress = seal.attempt.lock().await.shares.len();
    let unmade = || SealRecord { kind: context.config.keys.seal, salt: None, shares: 0, threshold: 0 };
    Ok(Status { initialised, sealed, record: record.unwrap_or_else(unmade), progress })
}

/// Opens the seal with what this process has; one attempt at a time.
pub(super) async fn by_itself(context: &Context) -> Result<Arc<Roots>, Error> {
    let seal = context.state::<Seal>();
    let mut attempt = seal.attempt.lock().await;
    match seal.state() {
        State::Open(roots) => return Ok(roots),
        State::ClosedByPerson => return Err(Error::Sealed),
        State::Closed { failed: Some(failure) } if context.clock.now().since(failure.at) < PAUSE => {
            return Err(shown(failure.error));
        }
        State::Closed { .. } => {}
    }
    match open(context).await {
        Ok(roots) => {
            tracing::info!("the keys are unsealed");
            seal.set(State::Open(Arc::clone(&roots)));
            Ok(roots)
        }
        Err(error) => {
            let failure = Failure { error: error.clone(), at: context.clock.now() };
            seal.set(State::Closed { failed: Some(failure) });
            tell(&seal, &mut attempt, &error);
            Err(shown(error))
        }
    }
}

/// What strangers learn: where the master key should be is not for them.
fn shown(error: Error) -> Error {
    if matches!(error, Error::Master(_)) { Error::Sealed } else { error }
}

/// Says once what a person has to do; an unreachable store is said each time.
fn tell(seal: &Seal, attempt: &mut MutexGuard<'_, Progress>, error: &Error) {
    if matches!(error, Error::Store(_)) {
        tracing::warn!(%error, "the keys can't be unsealed yet");
    } else if !std::mem::replace(&mut attempt.told, true) {
        match error {
            Error::NotInitialised => tracing::warn!(
                "there are no keys yet: make them by PUT /api/keys/v1/sys/init with the header X-Nexus-Init-Token: {}",
                seal.init_token
            ),
            Error::Sealed => tracing::warn!("the keys are sealed: send their shares to /api/keys/v1/sys/unseal"),
            _ => tracing::error!(%error, "the keys stay sealed"),
        }
    }
}

async fn open(context: &Context) -> Result<Arc<Roots>, Error> {
    let config = &context.config.keys;
    let record = match seals::record(context).await? {
        Some(record) => record,
        None => match begin(context, config).await? {
            Some(roots) => return Ok(roots),
            None => seals::record(context).await?.ok_or(Error::NotInitialised)?,
        },
    };
    if record.kind != config.seal {
        return Err(Error::Master(format!(
            "the keys were made with keys.seal = {:?}, and the configuration says {:?}: set it back",
            record.kind, config.seal
        )));
    }
    let master = match record.kind {
        SealKind::File => master::read_file(&master::place(context))?,
        SealKind::Passphrase => master::from_passphrase(&config.passphrase, record.salt.unwrap_or_default()).await?,
        SealKind::Shamir => return Err(Error::Sealed),
    };
    unwrap(context, master)
        .await?
        .ok_or_else(|| Error::Master("the master key is not the one that the stored keys were made with".to_owned()))
}

/// The first start: makes the keys; `None` when another process has made them meanwhile.
async fn begin(context: &Context, config: &KeysConfig) -> Result<Option<Arc<Roots>>, Error> {
    let (master, salt) = match config.seal {
        SealKind::File => {
            let place = master::place(context);
            let master = master::read_or_make_file(&place)?;
            tracing::warn!(file = %place.display(), "the master key: without it nothing stored can be read; keep a copy apart from the backups");
            (master, None)
        }
        SealKind::Passphrase => {
            let salt = rand::random::<[u8; 16]>().to_vec();
            (master::from_passphrase(&config.passphrase, salt.clone()).await?, Some(salt))
        }
        SealKind::Shamir => return Err(Error::NotInitialised),
    };
    let record = SealRecord { kind: config.seal, salt, shares: 1, threshold: 1 };
    let roots = Roots::first(master);
    Ok(seals::begin(context, &record, &roots.newest_wrapped()).await?.then(|| Arc::new(roots)))
}

async fn unwrap(context: &Context, master: Key) -> Result<Option<Arc<Roots>>, Error> {
    Ok(Roots::unwrap(master, &seals::roots(context).await?).map(Arc::new))
}

/// The roots as they are stored now, with the master key that is known already.
pub(super) async fn read_again(context: &Context, known: &Roots) -> Result<Arc<Roots>, Error> {
    let roots = unwrap(context, known.master.clone()).await?.ok_or(Error::Corrupt("root key"))?;
    let seal = context.state::<Seal>();
    if seal.open_roots().is_some() {
        seal.set(State::Open(Arc::clone(&roots)));
    }
    Ok(roots)
}

/// Tries to open the seal, so that a process tells at its start what it needs.
pub(super) async fn open_at_start(context: &Context) {
    // Whatever is wrong was said where it was found.
    let _ = super::roots(context).await;
}

/// Makes the keys and gives out their shares, which are nowhere kept.
pub(crate) async fn initialise(context: &Context, number: u8, threshold: u8) -> Result<Initialised, Error> {
    if context.config.keys.seal != SealKind::Shamir {
        return Err(Error::Initialised);
    }
    shares::check(number, threshold)?;
    let roots = Roots::first(random_key());
    let record = SealRecord { kind: SealKind::Shamir, salt: None, shares: number, threshold };
    if !seals::begin(context, &record, &roots.newest_wrapped()).await? {
        return Err(Error::Initialised);
    }
    // What the last attempt found is over.
    context.state::<Seal>().set(State::Closed { failed: None });
    Ok(shares::split(&roots.master, number, threshold))
}

/// Takes a share; with enough of them the seal opens. Without one, forgets those that have come.
pub(crate) async fn submit(context: &Context, share: Option<&str>) -> Result<(), Error> {
    let seal = context.state::<Seal>();
    let record = seals::record(context).await?.ok_or(Error::NotInitialised)?;
    if record.kind != SealKind::Shamir {
        return Err(Error::invalid(
            "these keys have no shares: they are unsealed by the file or the passphrase, at start",
        ));
    }
    let mut attempt = seal.attempt.lock().await;
    if seal.open_roots().is_some() {
        return Ok(());
    }
    let Some(share) = share else {
        attempt.shares.clear();
        return Ok(());
    };
    let share = shares::parse(share)?;
    // The same share twice is one: a share begins with its place.
    let place = |share: &Share| Vec::from(share).first().copied();
    attempt.shares.retain(|known| place(known) != place(&share));
    attempt.shares.push(share);
    if attempt.shares.len() < usize::from(record.threshold) {
        return Ok(());
    }
    let shares = std::mem::take(&mut attempt.shares);
    let master = shares::combine(&shares, record.threshold);
    let wrong = || Error::invalid("these unseal keys do not open the keys; begin again with the first");
    let roots = unwrap(context, master.ok_or_else(wrong)?).await?.ok_or_else(wrong)?;
    seal.set(State::Open(roots));
    tracing::info!("the keys are unsealed");
    Ok(())
}

/// Closes the seal here, and tells all other instances.
pub(crate) async fn seal(context: &Context) -> Result<(), Error> {
    let mut tx = context.store.begin(CLOUD).await?;
    tx.publish(&KeysSealed {}).await?;
    tx.commit().await?;
    close(context);
    Ok(())
}

/// Forgets everything that opens anything.
pub(super) fn close(context: &Context) {
    context.state::<Seal>().set(State::ClosedByPerson);
    context.state::<KeyCache>().forget_all();
    context.state::<ContextKeys>().forget_all();
    tracing::warn!("the keys were sealed by a person");
}

/// Makes a new root key, under which everything is encrypted from now on.
pub(crate) async fn rotate(context: &Context) -> Result<u32, Error> {
    let known = super::roots(context).await?;
    let next = read_again(context, &known).await?.with_next();
    let wrapped = next.newest_wrapped();
    if !seals::add_root(context, &wrapped).await? {
        return Err(Error::invalid("another rotation was made at the same moment; nothing more is needed"));
    }
    read_again(context, &next).await?;
    Ok(wrapped.generation)
}
