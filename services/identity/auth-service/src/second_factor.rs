//! Codes: what somebody shows besides the password. A code of the authenticator app is good once, and so is a recovery code.

use nexus_contracts::user_auth::{AccountRef, Notice};
use nexus_kernel::Context;
use nexus_kernel::config::Secret;
use nexus_kernel::store::{StoreError, Tx};

use crate::authenticator::DIGITS;
use crate::error::Error;
use crate::recovery_code::{RecoveryCode, RecoveryHash};
use crate::sign_in_event::Method;
use crate::{notice, store, vault};

/// The longest that is looked at: a recovery code with hyphens, and room for spaces.
const MAX_CHARACTERS: usize = 64;

/// A code, as somebody typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Code {
    /// Of the authenticator app.
    Authenticator(Secret),
    /// One of the recovery codes.
    Recovery(RecoveryCode),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands its context over like this")]
pub(crate) fn typed(code: &Secret, (): &()) -> garde::Result {
    if (1..=MAX_CHARACTERS).contains(&code.expose().chars().count()) {
        return Ok(());
    }
    Err(garde::Error::new(format!("must have 1 to {MAX_CHARACTERS} characters")))
}

impl Code {
    /// What a text is by its form; `None` for what can be neither.
    pub(crate) fn parse(text: &Secret) -> Option<Self> {
        let digits: String = text.expose().chars().filter(|c| !c.is_whitespace()).collect();
        if digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Authenticator(Secret::from(digits.as_str())));
        }
        RecoveryCode::parse(text.expose()).map(Self::Recovery)
    }
}

/// A code that was looked at, and that only has to be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Looked {
    /// It is the authenticator's code of these 30 seconds.
    Step(i64),
    /// It may be one of the recovery codes: the store knows.
    Recovery(RecoveryHash),
    /// It is no code of this person.
    Wrong(Method),
}

impl Looked {
    /// What was shown.
    pub(crate) fn method(&self) -> Method {
        match self {
            Self::Step(_) => Method::Authenticator,
            Self::Recovery(_) => Method::RecoveryCode,
            Self::Wrong(method) => *method,
        }
    }
}

/// Whether a code is asked for when this person signs in.
pub(crate) async fn is_needed(context: &Context, who: AccountRef) -> Result<bool, StoreError> {
    let authenticator = store::authenticator(&mut context.store.read(who.tenant), who.user).await?;
    Ok(authenticator.is_some_and(|authenticator| authenticator.confirmed_at.is_some()))
}

/// Looks at a code. Asks key-service, so it is no part of a transaction.
pub(crate) async fn look(context: &Context, who: AccountRef, code: &Secret) -> Result<Looked, Error> {
    let code = match Code::parse(code) {
        Some(Code::Authenticator(code)) => code,
        Some(Code::Recovery(code)) => return Ok(Looked::Recovery(code.hash(who.user))),
        None => return Ok(Looked::Wrong(Method::Authenticator)),
    };
    let found = store::authenticator(&mut context.store.read(who.tenant), who.user).await?;
    let Some(found) = found.filter(|found| found.confirmed_at.is_some()) else {
        return Ok(Looked::Wrong(Method::Authenticator));
    };
    let secret = vault::unlock(context, who.user, &found.secret).await?;
    Ok(match secret.step_of(code.expose(), context.clock.now())? {
        Some(step) => Looked::Step(step),
        None => Looked::Wrong(Method::Authenticator),
    })
}

/// Spends a code; false when it is none, or was spent.
pub(crate) async fn spend(
    context: &Context,
    tx: &mut Tx,
    who: AccountRef,
    looked: &Looked,
) -> Result<bool, StoreError> {
    match looked {
        Looked::Step(step) => store::spend_step(tx, who.user, *step).await,
        Looked::Recovery(hash) => {
            let spent = store::spend_recovery_code(tx, who.user, hash).await?;
            if spent {
                let left = store::recovery_codes_left(tx, who.user).await?;
                notice::put(context, tx, who.user, &Notice::RecoveryCodeUsed { left }).await?;
            }
            Ok(spent)
        }
        Looked::Wrong(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_told_by_its_form() {
        let parse = |text: &str| Code::parse(&Secret::from(text));
        assert_eq!(parse(" 123 456 "), Some(Code::Authenticator(Secret::from("123456"))));
        assert!(matches!(parse("ABCD-efgh-2345-ijkl"), Some(Code::Recovery(_))));
        for text in ["", "12345", "1234567", "１２３４５６", "abcd-efgh-2345-ijk", "abcd-efgh-2345-ijk1", "12345a"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_a_code_or_not(text in ".{0,80}") {
            if let Some(Code::Authenticator(code)) = Code::parse(&Secret::from(text.as_str())) {
                prop_assert_eq!(code.expose().len(), DIGITS);
            }
        }
    }
}
