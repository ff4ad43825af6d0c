//! What is kept of every sign-in: who, how, from where, and how it went.

use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::user_auth::AccountRef;
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, TenantId, Timestamp, UserId, id_type};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::client::Client;
use crate::store;

id_type!(
    /// An event's id.
    SignInEventId
);

/// Declares names that JSON, SQL and queries write the same.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $variant:ident => $text:literal),+ $(,)? }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        $(#[$meta])*
        #[serde(rename_all = "kebab-case")]
        pub(crate) enum $name {
            $($(#[$of])* $variant,)+
        }

        impl $name {
            /// The name, as in JSON and SQL.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// What the name means.
            pub(crate) fn named(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

named!(
    /// What somebody did.
    #[schema(as = SignInAction)]
    Action {
        /// Signed in.
        SignIn => "sign-in",
        /// Showed again who they are.
        StepUp => "step-up",
        /// Signed out.
        SignOut => "sign-out",
        /// Made an authenticator app their second factor.
        AddAuthenticator => "add-authenticator",
        /// Took the authenticator app away.
        RemoveAuthenticator => "remove-authenticator",
        /// Got new recovery codes.
        RenewRecoveryCodes => "renew-recovery-codes",
    }
);

named!(
    /// How it went.
    #[schema(as = SignInOutcome)]
    Outcome {
        /// It was done.
        Succeeded => "succeeded",
        /// A code is still to come.
        SecondFactorNeeded => "second-factor-needed",
        /// What was shown was wrong.
        Failed => "failed",
    }
);

named!(
    /// What was shown.
    #[schema(as = SignInMethod)]
    Method {
        /// The password.
        Password => "password",
        /// A code of the authenticator app.
        Authenticator => "authenticator",
        /// A recovery code.
        RecoveryCode => "recovery-code",
        /// A link that was mailed.
        SignInLink => "sign-in-link",
    }
);

/// One thing that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SignInEvent {
    /// The event's id.
    pub(crate) id: SignInEventId,
    /// When.
    pub(crate) happened_at: Timestamp,
    /// Whose account it was about.
    pub(crate) user_id: UserId,
    /// What was done.
    pub(crate) action: Action,
    /// How it went.
    pub(crate) outcome: Outcome,
    /// What was shown for it, if anything.
    pub(crate) method: Option<Method>,
    /// What it came from; empty once the person is gone for good.
    #[schema(max_length = 64, example = "Firefox on Linux")]
    pub(crate) device: String,
    /// The network address; empty when it is not known, and once the person is gone for good.
    #[schema(max_length = 45, example = "203.0.113.7")]
    pub(crate) address: String,
    /// The session that it was about, if any.
    pub(crate) session_id: Option<SessionId>,
}

impl SignInEvent {
    /// Where the next page of a list goes on.
    pub(crate) fn position(&self) -> String {
        self.id.to_string()
    }
}

/// What is to be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) action: Action,
    pub(crate) outcome: Outcome,
    pub(crate) method: Option<Method>,
    pub(crate) session: Option<SessionId>,
}

impl Record {
    /// Something that was done.
    pub(crate) fn done(action: Action) -> Self {
        Self { action, outcome: Outcome::Succeeded, method: None, session: None }
    }

    /// Something that was tried in vain.
    pub(crate) fn failed(action: Action, method: Method) -> Self {
        Self { action, outcome: Outcome::Failed, method: Some(method), session: None }
    }

    /// The same with what was shown.
    #[must_use]
    pub(crate) fn by(self, method: Method) -> Self {
        Self { method: Some(method), ..self }
    }

    /// The same with the session that it is about.
    #[must_use]
    pub(crate) fn session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }
}

/// Writes down what somebody did, together with what changed by it.
pub(crate) async fn record(
    context: &Context,
    tx: &mut Tx,
    user: UserId,
    client: &Client,
    record: Record,
) -> Result<(), StoreError> {
    store::add_event(tx, &event(context, user, client, record)).await
}

/// Writes down what somebody did that changed nothing.
pub(crate) async fn record_alone(
    context: &Context,
    who: AccountRef,
    client: &Client,
    what: Record,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(who.tenant).await?;
    record(context, &mut tx, who.user, client, what).await?;
    tx.commit().await
}

/// Writes down an attempt to enter an account that nobody has: for no organisation to see, and so that it takes as long as for
/// one that somebody has.
pub(crate) async fn record_of_nobody(context: &Context, client: &Client, record: Record) -> Result<(), StoreError> {
    store::add_event_of_nobody(context, &event(context, UserId(context.ids.next()), client, record)).await
}

fn event(context: &Context, user: UserId, client: &Client, record: Record) -> SignInEvent {
    SignInEvent {
        id: SignInEventId(context.ids.next()),
        happened_at: context.clock.now(),
        user_id: user,
        action: record.action,
        outcome: record.outcome,
        method: record.method,
        device: client.device(),
        address: client.address_text(),
        session_id: record.session,
    }
}

/// Which events are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) tenant: TenantId,
    pub(crate) user: Option<UserId>,
    pub(crate) action: Option<Action>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) address: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}
