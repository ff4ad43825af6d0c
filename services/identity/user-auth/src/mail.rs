//! The mails that people get. No text of theirs is in one, so that nobody can make this cloud write to strangers what they like.

use nexus_contracts::user_auth::EmailAddress;
use nexus_kernel::config::Secret;
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

/// Asks somebody to join.
pub(crate) fn invitation(public_url: &str, token: &VerificationToken) -> Letter {
    Letter {
        subject: "You are invited".to_owned(),
        text: format!(
            "Somebody who runs an organisation at {public_url} invites you to it.\n\n\
             To join, open this link within 7 days and choose a password:\n\n{}\n\n\
             If you do not want to, there is nothing to do.\n",
            token.invitation_link(public_url)
        ),
    }
}

/// Lets somebody in who asked for it.
pub(crate) fn sign_in_link(public_url: &str, token: &Secret, minutes: u64) -> Letter {
    Letter {
        subject: "Your link to sign in".to_owned(),
        text: format!(
            "Somebody asked for a link to sign in at {public_url} with this address.\n\n\
             If that was you, open it within {minutes} minutes, in the browser that you asked in:\n\n\
             {public_url}/sign-in-link?token={}\n\n\
             If it was not you, there is nothing to do: the link is good for nothing in another browser.\n",
            token.expose()
        ),
    }
}

/// Tells somebody that their account was signed in to from where it never was.
pub(crate) fn new_device(public_url: &str, device: &str, address: &str, at: Timestamp) -> Letter {
    // A name with a dot is one that the client made up, and might read as a link.
    let device = if device.contains('.') { "a program" } else { device };
    let from = if address.is_empty() { String::new() } else { format!(", network address {address}") };
    Letter {
        subject: "A new sign-in to your account".to_owned(),
        text: format!(
            "Somebody signed in to your account at {public_url} from where nobody did before:\n\n{device}{from}, {at}\n\n\
             If that was you, there is nothing to do.\n\n\
             If it was not you, change your password at once: that ends every session.\n"
        ),
    }
}

/// Tells somebody that a code is asked for from now on.
pub(crate) fn authenticator_added(public_url: &str) -> Letter {
    Letter {
        subject: "Your account has an authenticator app".to_owned(),
        text: format!(
            "A code of an authenticator app is asked for from now on when you sign in at {public_url}.\n\n\
             If it was not you who set this up, ask somebody who runs your organisation for help at once.\n"
        ),
    }
}

/// Tells somebody that no code is asked for any more.
pub(crate) fn authenticator_removed(public_url: &str) -> Letter {
    Letter {
        subject: "Your account has no authenticator app any more".to_owned(),
        text: format!(
            "No code is asked for any more when you sign in at {public_url}: your password is enough.\n\n\
             If it was not you who changed this, change your password at once: that ends every session.\n"
        ),
    }
}

/// Tells somebody that one of their recovery codes is gone.
pub(crate) fn recovery_code_used(public_url: &str, left: u32) -> Letter {
    Letter {
        subject: "A recovery code of your account was used".to_owned(),
        text: format!(
            "Somebody used one of your recovery codes at {public_url}. You have {left} left.\n\n\
             If it was not you, change your password at once, and make new recovery codes.\n"
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
