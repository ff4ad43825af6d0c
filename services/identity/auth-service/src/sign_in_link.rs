//! Links that sign in without a password: mailed to the address, good once, for ten minutes, and only in the browser that asked.
//!
//! Nobody learns from it whether an address has an account: what is asked for is only written down, and looked up later, by a
//! job. The link alone is worth nothing to whoever reads the mail on the way, as the browser's cookie is missing.

use std::time::Duration;

use garde::Validate;
use nexus_contracts::token_mgr::RefreshTokenDelivery;
use nexus_contracts::user_auth::{CredentialCheck, EmailAddress, FindAccount, SendSignInLink, UserAuth};
use nexus_kernel::auth::AuthenticationMethod;
use nexus_kernel::limit::Quota;
use nexus_kernel::{Context, Problem, Timestamp, backoff, id_type};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::attempt::Subject;
use crate::challenge::Proven;
use crate::client::Client;
use crate::cookie::Cookie;
use crate::error::Error;
use crate::sign_in::{self, FirstStep};
use crate::store;
use crate::token::{Token, TokenHash};

/// The job that mails links.
pub(crate) const JOB: &str = "send-sign-in-links";
/// How long a link is good.
pub(crate) const LIFETIME: Duration = Duration::from_mins(10);
/// The most links that are read at once.
const BATCH: i64 = 100;
/// The longest wait between two attempts to mail one.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

id_type!(
    /// A link's id.
    LinkId
);

/// Asks for a link.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignInLinkRequest)]
pub(crate) struct LinkRequest {
    /// Your e-mail address.
    #[garde(dive)]
    pub(crate) email: EmailAddress,
}

/// Signs in with the link that was mailed.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignInWithLinkRequest)]
pub(crate) struct LinkSignInRequest {
    /// The token of the link.
    #[garde(skip)]
    token: Token,
    /// How the refresh token comes.
    #[garde(skip)]
    #[serde(default)]
    #[schema(default = "cookie", example = "cookie")]
    pub(crate) refresh_token: RefreshTokenDelivery,
}

/// A link that was asked for and is yet to be mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedLink {
    pub(crate) id: LinkId,
    pub(crate) email: EmailAddress,
    pub(crate) attempts: i64,
}

/// A link that was mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailedLink {
    pub(crate) id: LinkId,
    pub(crate) email: EmailAddress,
    pub(crate) browser: TokenHash,
    pub(crate) expires_at: Timestamp,
}

/// Writes down that a browser wants a link; what the browser has to keep.
pub(crate) async fn ask(context: &Context, email: EmailAddress) -> Result<Token, Error> {
    let browser = Token::generate(&context.ids);
    let hash = browser.hash().ok_or(Error::LinkInvalid)?;
    if may_mail(context, &email).await {
        let wanted = WantedLink { id: LinkId(context.ids.next()), email, attempts: 0 };
        store::add_link(context, &wanted, &hash, context.clock.now().plus(LIFETIME)).await?;
        context.wake(JOB);
    }
    Ok(browser)
}

/// Whether one more mail to this address is no nuisance: five at once, then one a minute. Without its cache the service rather
/// sends one too many.
async fn may_mail(context: &Context, email: &EmailAddress) -> bool {
    let key = format!("auth-service:link:{}", Subject::account(email).0);
    match context.cache.limit(&key, Quota::per_second(1.0 / 60.0, 5)).await {
        Ok(decision) => decision.allowed,
        Err(error) => {
            tracing::warn!(%error, "mails to one address can't be limited now");
            true
        }
    }
}

/// Mails the links that are wanted.
pub(crate) async fn send(context: Context) -> Result<(), Problem> {
    loop {
        let wanted = store::wanted_links(&context, BATCH).await?;
        if wanted.is_empty() {
            return Ok(());
        }
        for link in &wanted {
            mail(&context, link).await?;
        }
    }
}

/// The token is known before it is mailed, and by no one else: it is kept as a hash only, so that another attempt mails another.
async fn mail(context: &Context, link: &WantedLink) -> Result<(), Error> {
    let token = Token::generate(&context.ids);
    let hash = token.hash().ok_or(Error::LinkInvalid)?;
    let next = context.clock.now().plus(backoff(link.attempts, LONGEST_WAIT));
    if !store::claim_link(context, link, &hash, next).await? {
        return Ok(());
    }
    let request =
        SendSignInLink { email: link.email.clone(), token: token.secret().clone(), minutes: LIFETIME.as_secs() / 60 };
    match UserAuth::new(&context.mesh).send_sign_in_link(&request).await {
        Ok(()) => store::link_mailed(context, link).await?,
        Err(error) => tracing::warn!(link = %link.id, %error, "a sign-in link could not be mailed yet"),
    }
    Ok(())
}

/// Takes the first step with a link.
pub(crate) async fn sign_in(
    context: &Context,
    request: &LinkSignInRequest,
    client: &Client,
) -> Result<FirstStep, Error> {
    let hash = request.token.hash().ok_or(Error::LinkInvalid)?;
    let browser = client.cookie(&Cookie::link()).and_then(|token| token.hash()).ok_or(Error::LinkInvalid)?;
    let link = store::link(context, &hash).await?.ok_or(Error::LinkInvalid)?;
    if link.browser != browser || link.expires_at <= context.clock.now() {
        return Err(Error::LinkInvalid);
    }
    let found = UserAuth::new(&context.mesh).find_account(&FindAccount { email: link.email.clone() }).await?;
    if !store::spend_link(context, &link).await? {
        return Err(Error::LinkInvalid);
    }
    // Who may no longer sign in learns no more than that the link is good no more.
    let CredentialCheck::Valid { account: who, roles, checked_at } = found else { return Err(Error::LinkInvalid) };
    let account = Subject::account(&link.email);
    let proven = Proven { who, account, roles, checked_at, method: AuthenticationMethod::Mail };
    sign_in::go_on(context, proven, client, sign_in::keeps(request.refresh_token)).await
}

/// Forgets what nobody can use any more: links, and sign-ins between their steps.
pub(crate) async fn forget(context: Context) -> Result<(), Problem> {
    store::forget_expired(&context, context.clock.now()).await?;
    Ok(())
}
