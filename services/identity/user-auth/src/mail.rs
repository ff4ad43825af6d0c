//! The mails that people get. No text of theirs is in one, so that nobody can make this cloud write to strangers what they like.

use nexus_contracts::user_auth::EmailAddress;
use nexus_kernel::{Timestamp, id_type};
use serde::Serialize;
use utoipa::ToSchema;

use crate::verification::VerificationToken;

id_type!(
    /// A mail's id.
    MailId
);

/// A mail in the development mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Mail {
    /// The mail's id.
    pub(crate) id: MailId,
    /// Who it is for.
    pub(crate) to: EmailAddress,
    /// Its subject.
    #[schema(example = "Verify your e-mail address")]
    pub(crate) subject: String,
    /// Its text.
    #[schema(example = "Open this link to verify your address: https://cloud.example/verify?token=...")]
    pub(crate) text: String,
    /// When it was written.
    pub(crate) created_at: Timestamp,
}

impl Mail {
    /// Where the next page of a list goes on.
    pub(crate) fn position(&self) -> String {
        self.id.to_string()
    }
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// Asks somebody who registered to show that the address is theirs.
pub(crate) fn verify_address(public_url: &str, token: &VerificationToken) -> Letter {
    Letter {
        subject: "Verify your e-mail address".to_owned(),
        text: format!(
            "Somebody registered at {public_url} with this address.\n\n\
             If that was you, open this link within 24 hours to verify the address:\n\n{}\n\n\
             If it was not you, there is nothing to do: the account can't be used before the link is opened.\n",
            token.link(public_url)
        ),
    }
}

/// Tells somebody with an account that there was an attempt to make another.
pub(crate) fn address_is_known(public_url: &str) -> Letter {
    Letter {
        subject: "You already have an account".to_owned(),
        text: format!(
            "Somebody tried to register at {public_url} with this address, which already has an account.\n\n\
             If that was you, sign in with the password that you chose then: {public_url}\n\n\
             If it was not you, there is nothing to do: nothing has changed.\n"
        ),
    }
}
