//! What can go wrong, and what the client learns of it.

use std::time::Duration;

use http::StatusCode;
use nexus_kernel::Problem;
use nexus_kernel::store::StoreError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is an owner already.
    #[error("this cloud is set up already; sign in, or ask its owner for an account")]
    SetupDone,
    /// The set-up token is not the one that was printed at this start.
    #[error("this set-up link is not valid; use the one that was printed at the last start")]
    SetupLinkInvalid,
    /// Registration is switched off, or there is no organisation to join yet.
    #[error("nobody can register here; ask the owner of this cloud for an account")]
    RegistrationClosed,
    /// Unknown, used, replaced by a newer one or expired: the client learns no more than that it needs a new one.
    #[error("this verification link is not valid or no longer valid; ask for a new one")]
    VerificationLinkInvalid,
    /// There is no such account in the asker's organisation.
    #[error("there is no such user")]
    NoSuchUser,
    /// The password that confirms a change is wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The new password is the account's own address.
    #[error("must not be your e-mail address")]
    PasswordIsEmail,
    /// Too many wrong passwords that should have confirmed a change.
    #[error("too many attempts to change the password; wait, then try again")]
    TooManyAttempts(Duration),
    /// An admin tried to give or take the role of an owner.
    #[error("only an owner can make somebody an owner or take that role away")]
    OwnerOnly,
    /// An organisation must not be left without an owner.
    #[error("the last owner stays owner; make somebody else an owner first")]
    LastOwner,
    /// Nobody can sign in to an account that is not verified, so it must not be what an organisation depends on.
    #[error("an owner's e-mail address must be verified first")]
    OwnerNotVerified,
    /// Somebody changed the account since the client read it.
    #[error("somebody changed it meanwhile; read it again and repeat your change")]
    Changed,
    /// Mail goes to a mail server.
    #[error("mail goes to the mail server that `mail.smtp` names, so there is no development mailbox")]
    MailboxOff,
    /// More passwords to check than this machine can.
    #[error("too many people sign in at once; try again")]
    Busy,
    /// A stored value is not what this service wrote.
    #[error("stored {0} can't be read")]
    Corrupt(&'static str),
    /// A password could not be hashed.
    #[error("hashing a password: {0}")]
    Hashing(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::SetupDone => Self::conflict("setup-done", detail),
            Error::SetupLinkInvalid => Self::forbidden("setup-link-invalid", detail),
            Error::RegistrationClosed => Self::forbidden("registration-closed", detail),
            Error::VerificationLinkInvalid => Self::forbidden("verification-link-invalid", detail),
            Error::NoSuchUser => Self::not_found(detail),
            Error::WrongPassword => Self::forbidden("wrong-password", detail),
            Error::PasswordIsEmail => {
                Self::unprocessable("validation-failed", "mend the fields in `errors` and send it again")
                    .field("new_password", detail)
            }
            Error::TooManyAttempts(wait) => Self::too_many("too-many-attempts", detail, wait),
            Error::OwnerOnly => Self::forbidden("owner-only", detail),
            Error::LastOwner => Self::conflict("last-owner", detail),
            Error::OwnerNotVerified => Self::conflict("email-not-verified", detail),
            Error::Changed => Self::precondition_failed(detail),
            Error::MailboxOff => Self::new(StatusCode::NOT_FOUND, "mailbox-off", "No mailbox").detail(detail),
            Error::Busy => Self::unavailable(detail),
            Error::Store(error) => error.into(),
            Error::Corrupt(_) | Error::Hashing(_) => Self::internal(detail),
        }
    }
}
