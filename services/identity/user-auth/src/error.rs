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
    /// There is no such group in the asker's organisation.
    #[error("there is no such group")]
    NoSuchGroup,
    /// Another group has the name.
    #[error("another group has this name; choose another")]
    GroupNameTaken,
    /// A group has all the members that it may have.
    #[error("the group has 10000 members, and no more fit into one; make another group")]
    GroupFull,
    /// The organisation has all the groups that it may have.
    #[error("there are 10000 groups, and no more fit into an organisation; delete one first")]
    TooManyGroups,
    /// There is no such invitation in the asker's organisation.
    #[error("there is no such invitation")]
    NoSuchInvitation,
    /// Unknown, used, revoked, replaced by a newer one or expired.
    #[error("this invitation is not valid or no longer valid; ask for a new one")]
    InvitationInvalid,
    /// The address is somebody's in the organisation.
    #[error("this address has an account here already")]
    AlreadyMember,
    /// The address has an invitation.
    #[error("this address is invited already; send its invitation again, or revoke it first")]
    AlreadyInvited,
    /// The address has an account elsewhere.
    #[error("this address has an account in another organisation")]
    AddressTaken,
    /// Another account has the name in the directory.
    #[error("another account has this userName")]
    UserNameTaken,
    /// As many invitations wait as may.
    #[error("1000 invitations wait for an answer, and no more may; revoke one first")]
    TooManyInvitations,
    /// The address got as many mails as it should.
    #[error("this address got several mails just now; wait, then try again")]
    TooManyMails,
    /// Another organisation has the short name.
    #[error("another organisation has this short name; choose another")]
    SlugTaken,
    /// The asker's organisation is not there.
    #[error("there is no such organisation")]
    NoSuchOrganisation,
    /// The password that confirms a change is wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The new password, in this field, is the account's own address.
    #[error("must not be your e-mail address")]
    PasswordIsEmail(&'static str),
    /// The new password is in the list of those that were seen in breaches.
    #[error(
        "this password was seen in a breach of another site, so it is among the first that are tried; choose another"
    )]
    PasswordBreached,
    /// The list of breached passwords can't be read.
    #[error("passwords can't be set now: {0}")]
    NoBreachedList(String),
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
            Error::NoSuchUser | Error::NoSuchGroup | Error::NoSuchInvitation | Error::NoSuchOrganisation => {
                Self::not_found(detail)
            }
            Error::InvitationInvalid => Self::forbidden("invitation-invalid", detail),
            Error::AlreadyMember => Self::conflict("already-member", detail),
            Error::AlreadyInvited => Self::conflict("already-invited", detail),
            Error::AddressTaken => Self::conflict("address-taken", detail),
            Error::UserNameTaken => Self::conflict("user-name-taken", detail),
            Error::TooManyInvitations => Self::conflict("too-many-invitations", detail),
            Error::TooManyMails => Self::too_many("too-many-mails", detail, Duration::from_mins(1)),
            Error::SlugTaken => Self::conflict("slug-taken", detail),
            Error::GroupNameTaken => Self::conflict("group-name-taken", detail),
            Error::GroupFull => Self::conflict("group-full", detail),
            Error::TooManyGroups => Self::conflict("too-many-groups", detail),
            Error::WrongPassword => Self::forbidden("wrong-password", detail),
            Error::PasswordIsEmail(field) => {
                Self::unprocessable("validation-failed", "mend the fields in `errors` and send it again")
                    .field(field, detail)
            }
            Error::PasswordBreached => Self::unprocessable("breached-password", detail),
            Error::NoBreachedList(_) => {
                tracing::error!(detail, "no password can be set");
                Self::unavailable("passwords can't be set now; ask whoever runs this cloud")
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
