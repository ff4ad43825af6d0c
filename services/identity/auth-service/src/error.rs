//! What can go wrong, and what the client learns of it.

use std::time::Duration;

use nexus_kernel::Problem;
use nexus_kernel::mesh::MeshError;
use nexus_kernel::store::StoreError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The password is not the account's, or there is no such account: the client must not learn which.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The password is right, but the address was never verified.
    #[error("your e-mail address is not verified yet; open the link in the mail, or ask for a new one")]
    EmailNotVerified,
    /// Too many attempts failed, for the account or from the network. Said of accounts that do not exist as well.
    #[error(
        "too many attempts failed; wait, then try again, or sign in from a browser that you used before or by a mailed link"
    )]
    Locked(Duration),
    /// Unknown, used, expired, or all of its tries are taken.
    #[error("this sign-in took too long, or too many codes were tried; begin again with your password")]
    ChallengeInvalid,
    /// The code is none of the person's, or was used before.
    #[error("the code is wrong or was used before; wait for the next one")]
    WrongCode,
    /// The password that somebody signed in shows again is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// Whoever has an authenticator shows a code.
    #[error("send `code`: a code of your authenticator app, or a recovery code")]
    CodeNeeded,
    /// Whoever has none shows the password.
    #[error("send `password`: you have no authenticator app")]
    PasswordNeeded,
    /// An application or a long-lived token can't do this.
    #[error("only you can do this, signed in yourself: no application, and no long-lived token")]
    OwnSessionOnly,
    /// There is a confirmed authenticator.
    #[error("you have an authenticator app; remove it first")]
    AuthenticatorExists,
    /// There is no authenticator to confirm.
    #[error("there is no authenticator app to confirm; begin with a new one")]
    NothingToConfirm,
    /// There is no authenticator.
    #[error("you have no authenticator app")]
    NoAuthenticator,
    /// Unknown, used, expired, or opened in another browser.
    #[error(
        "this link is not valid or no longer valid, or another browser asked for it; ask for a new one in this browser"
    )]
    LinkInvalid,
    /// The account may not be used.
    #[error("the account is deactivated, or its e-mail address was never verified")]
    AccountInactive,
    /// A stored value is not what this service wrote.
    #[error("stored {0} can't be read")]
    Corrupt(&'static str),
    /// A file of what was done could not be written.
    #[error("writing an export: {0}")]
    Export(String),
    /// The library of one-time passwords refuses what it was given.
    #[error("one-time passwords: {0}")]
    Authenticator(String),
    /// Another service.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::InvalidCredentials => Self::unauthorized("invalid-credentials", detail),
            Error::EmailNotVerified => Self::forbidden("email-not-verified", detail),
            Error::Locked(wait) => Self::too_many("locked", detail, wait),
            Error::ChallengeInvalid => Self::unauthorized("challenge-invalid", detail),
            Error::WrongCode => Self::forbidden("wrong-code", detail),
            Error::WrongPassword => Self::forbidden("wrong-password", detail),
            Error::CodeNeeded => Self::unprocessable("code-needed", detail),
            Error::PasswordNeeded => Self::unprocessable("password-needed", detail),
            Error::OwnSessionOnly => Self::forbidden("own-session-only", detail),
            Error::AuthenticatorExists => Self::conflict("authenticator-exists", detail),
            Error::NothingToConfirm => Self::conflict("nothing-to-confirm", detail),
            Error::NoAuthenticator => Self::not_found(detail),
            Error::LinkInvalid => Self::forbidden("sign-in-link-invalid", detail),
            Error::AccountInactive => Self::forbidden("account-inactive", detail),
            Error::Corrupt(_) | Error::Export(_) | Error::Authenticator(_) => Self::internal(detail),
            Error::Mesh(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
