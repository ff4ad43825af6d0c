//! Passwords: which are allowed (NIST SP 800-63B section 3.1.1.2), and how they are kept: as Argon2id hashes (RFC 9106).

use std::fmt;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use nexus_contracts::user_auth::EmailAddress;
use nexus_kernel::config::Secret;
use serde::Deserialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::breached::Breached;
use crate::error::Error;

const MIN_CHARACTERS: usize = 8;
const MAX_CHARACTERS: usize = 128;

/// What everybody tries first, in lower case and sorted.
const COMMON: &str = include_str!("common_passwords.txt");

/// 19 MiB, two passes, one lane: what OWASP's Password Storage Cheat Sheet asks of Argon2id at least.
const PARAMS: Params = match Params::new(19 * 1_024, 2, 1, None) {
    Ok(params) => params,
    Err(_) => panic!("these are in their ranges"),
};

/// What a password is compared with when there is no account: made like every other hash, and nobody's.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRmb3Jub2JvZA$7Vq0LkGmJ0mXoV2kYv0mB3sJb6cUOe5T1wHn8pXyQfM";

/// How long a request waits for its turn to hash.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A password that somebody chooses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password, min_length = 8, max_length = 128, example = "correct horse battery")]
pub(crate) struct NewPassword(Secret);

impl NewPassword {
    /// Whether it is this address, that everybody knows.
    pub(crate) fn is_address(&self, email: &EmailAddress) -> bool {
        EmailAddress::normalised(self.0.expose()) == *email
    }
}

impl garde::Validate for NewPassword {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> garde::Path, report: &mut garde::Report) {
        let password = self.0.expose();
        let characters = password.chars().count();
        if characters < MIN_CHARACTERS {
            report.append(parent(), garde::Error::new(format!("must have at least {MIN_CHARACTERS} characters")));
        } else if characters > MAX_CHARACTERS {
            report.append(parent(), garde::Error::new(format!("must have at most {MAX_CHARACTERS} characters")));
        } else if is_common(password) {
            report.append(parent(), garde::Error::new("is one of the most common passwords; choose another"));
        }
    }
}

fn is_common(password: &str) -> bool {
    let password = password.to_lowercase();
    COMMON.lines().any(|common| common == password)
}

/// For the `password` of a request that also has an `email`.
pub(crate) fn is_not(email: &EmailAddress) -> impl FnOnce(&NewPassword, &()) -> garde::Result {
    |password, ()| {
        if password.is_address(email) { Err(garde::Error::new("must not be your e-mail address")) } else { Ok(()) }
    }
}

/// For a password that somebody types to prove who they are. Longer ones were never allowed, so they need no hashing.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands its context over like this")]
pub(crate) fn typed(password: &Secret, (): &()) -> garde::Result {
    if (1..=MAX_CHARACTERS).contains(&password.expose().chars().count()) {
        return Ok(());
    }
    Err(garde::Error::new(format!("must have 1 to {MAX_CHARACTERS} characters")))
}

/// A password as the store knows it: a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(pub(crate) String);

impl PasswordHash {
    /// Of an account that nobody has chosen a password for.
    pub(crate) fn none() -> Self {
        Self(String::new())
    }

    /// Whether there is a password.
    pub(crate) fn is_set(&self) -> bool {
        !self.0.is_empty()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// Hashes passwords: off the async threads, and no more at once than there are processors, as each takes 19 MiB. Knows those
/// that nobody may choose as they were seen in breaches.
#[derive(Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// `None` where no list is configured, and why where it can't be read.
    breached: Result<Option<Breached>, String>,
}

impl Passwords {
    /// With the list of breached passwords in this file; an empty path is no list.
    pub(crate) fn new(breached: &Path) -> Self {
        let turns = Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)));
        let list = (!breached.as_os_str().is_empty()).then(|| Breached::read(breached)).transpose();
        let why = |error| format!("identity.breached_passwords, {}, can't be read: {error}", breached.display());
        Self { turns, breached: list.map_err(why) }
    }

    /// Whether the list of breached passwords can be read, if there has to be one.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.breached.as_ref().map(drop).map_err(Clone::clone)
    }

    /// The hash of a new password, with a salt of its own. None that was seen in a breach is hashed.
    pub(crate) async fn hash(&self, password: &NewPassword) -> Result<PasswordHash, Error> {
        let list = self.breached.as_ref().map_err(|why| Error::NoBreachedList(why.clone()))?;
        if list.as_ref().is_some_and(|list| list.has(&password.0)) {
            return Err(Error::PasswordBreached);
        }
        let password = password.0.clone();
        self.run(move || hash(&password)).await?
    }

    /// Whether a password is the hash's. Without a hash it never is, and takes as long.
    pub(crate) async fn verify(&self, password: &Secret, hash: Option<&PasswordHash>) -> Result<bool, Error> {
        let (password, hash) = (password.clone(), hash.cloned());
        self.run(move || match hash {
            Some(hash) => verify(&password, &hash.0),
            None => verify(&password, NOBODYS).map(|_| false),
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let turn = tokio::time::timeout(LONGEST_WAIT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Error::Busy)?.map_err(|error| Error::Hashing(error.to_string()))?;
        // The turn ends with the work, even when nobody waits for it any more.
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Hashing(error.to_string()))
    }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS)
}

fn hash(password: &Secret) -> Result<PasswordHash, Error> {
    let hash: Result<phc::PasswordHash, _> = argon2().hash_password(password.expose().as_bytes());
    hash.map(|hash| PasswordHash(hash.to_string())).map_err(|error| Error::Hashing(error.to_string()))
}

/// In constant time, and with the parameters that the hash was made with.
fn verify(password: &Secret, hash: &str) -> Result<bool, Error> {
    let hash = phc::PasswordHash::new(hash).map_err(|_| Error::Corrupt("password hash"))?;
    match argon2().verify_password(password.expose().as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(Error::Hashing(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use garde::Validate;

    use super::*;

    fn password(text: &str) -> NewPassword {
        NewPassword(Secret::from(text))
    }

    #[test]
    fn length_decides_and_no_composition_is_asked_for() {
        for text in ["eight ch", "correct horse battery", "пароль-пароль", &"a".repeat(128)] {
            assert!(password(text).validate().is_ok(), "{text}");
        }
        for text in ["", "seven c", &"a".repeat(129), &"ä".repeat(129)] {
            assert!(password(text).validate().is_err(), "{text}");
        }
    }

    #[test]
    fn what_everybody_tries_first_is_refused_in_any_case() {
        for text in ["password", "PassWord123", "1Q2W3E4R", "nexuscos"] {
            assert!(password(text).validate().is_err(), "{text}");
        }
        let common: Vec<&str> = COMMON.lines().collect();
        assert!(common.len() > 200 && common.is_sorted());
        assert!(
            common.iter().all(|common| common.chars().count() >= MIN_CHARACTERS && *common == common.to_lowercase())
        );
    }

    #[test]
    fn an_address_is_no_password_for_itself() {
        let email = EmailAddress::normalised("ada@example.com");
        assert!(is_not(&email)(&password(" ADA@example.com"), &()).is_err());
        assert!(is_not(&email)(&password("ada@example.org"), &()).is_ok());
    }

    #[test]
    fn a_hash_is_made_as_owasp_asks_with_a_salt_of_its_own_and_is_never_shown() {
        let secret = Secret::from("correct horse battery");
        let (first, second) = (hash(&secret).unwrap(), hash(&secret).unwrap());
        assert!(first.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(first, second);
        assert!(verify(&secret, &first.0).unwrap() && verify(&secret, &second.0).unwrap());
        assert!(!verify(&Secret::from("correct horse batterz"), &first.0).unwrap());
        assert!(!format!("{first:?} {:?}", password("correct horse battery")).contains("horse"));
        assert!(!format!("{first:?}").contains("argon2"));
    }

    #[tokio::test]
    async fn nobodys_hash_costs_the_same_as_every_other_and_never_matches() {
        let nobodys = phc::PasswordHash::new(NOBODYS).unwrap();
        let real = phc::PasswordHash::new(&hash(&Secret::from("correct horse battery")).unwrap().0).unwrap();
        assert_eq!(Params::try_from(&nobodys).unwrap(), Params::try_from(&real).unwrap());
        let salt = |hash: &phc::PasswordHash| hash.salt.as_ref().map(|salt| salt.len());
        assert_eq!(salt(&nobodys), salt(&real));
        assert!(!Passwords::new(Path::new("")).verify(&Secret::from("anything"), None).await.unwrap());
    }

    #[tokio::test]
    async fn more_passwords_than_turns_are_all_hashed() {
        let passwords = Passwords { turns: Arc::new(Semaphore::new(1)), breached: Ok(None) };
        let chosen = password("correct horse battery");
        let (first, second, third) =
            tokio::join!(passwords.hash(&chosen), passwords.hash(&chosen), passwords.hash(&chosen));
        assert!(first.is_ok() && second.is_ok() && third.is_ok());
    }
}
