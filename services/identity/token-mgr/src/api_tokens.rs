//! What people do with tokens that are good for months, and what becomes of them by themselves.

use std::time::Duration;

use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::token_mgr::{AccountChanged, AccountState, ApiTokenKind, FamilyEnd};
use nexus_kernel::auth::{AccessClaims, TokenUse};
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Principal, Problem, UserId};
use uuid::Uuid;

use crate::api_token::{self, ApiToken, MadeApiToken, MakePersonalToken, MakeServiceToken, Plain};
use crate::error::Error;
use crate::{events, store, tokens};

/// How much later a use is put down again.
const NOTED_EVERY: Duration = Duration::from_mins(1);

/// Makes a person's own token.
pub(crate) async fn make_personal(
    context: &Context,
    by: &Principal,
    request: MakePersonalToken,
) -> Result<(Tx, MadeApiToken), Problem> {
    context.authorize(by, "create-personal-token", &api_token::all(ApiTokenKind::Personal, by))?;
    let token = ApiToken::personal(context.ids.next(), by, request, context.clock.now())?;
    Ok(make(context, by, token).await?)
}

/// Makes a program's token.
pub(crate) async fn make_service(
    context: &Context,
    by: &Principal,
    request: MakeServiceToken,
) -> Result<(Tx, MadeApiToken), Problem> {
    context.authorize(by, "create-service-token", &api_token::all(ApiTokenKind::Service, by))?;
    let token = ApiToken::service(context.ids.next(), by, request, context.clock.now())?;
    Ok(make(context, by, token).await?)
}

/// Only somebody who signed in makes tokens, in a session that goes on: a token that makes tokens would outlive its own end.
async fn make(context: &Context, by: &Principal, token: ApiToken) -> Result<(Tx, MadeApiToken), Error> {
    if !by.is_unlimited() {
        return Err(Error::NotASession);
    }
    let mut tx = context.store.begin(by.tenant).await?;
    let session = store::use_family(&mut tx, SessionId(by.session), token.created_at).await?;
    let pause = tokens::longest_pause(context);
    if session.is_none_or(|session| session.is_over(token.created_at, pause) || session.user != by.user) {
        return Err(Error::NotASession);
    }
    if store::count_api_tokens(&mut tx, &token).await? >= token.most() {
        return Err(Error::TooManyTokens(token.most()));
    }
    let plain = Plain::generate(&context.ids, token.kind);
    store::add_api_token(&mut tx, &token, &plain.hash()).await?;
    events::api_token_created(&mut tx, &token).await?;
    Ok((tx, MadeApiToken { token: plain.reveal(), about: token.into() }))
}

/// Revokes a token. What is not there, or not the asker's to see, looks alike.
pub(crate) async fn revoke(context: &Context, by: &Principal, kind: ApiTokenKind, id: Uuid) -> Result<(), Problem> {
    let action = match kind {
        ApiTokenKind::Personal => "revoke-personal-token",
        ApiTokenKind::Service => "revoke-service-token",
    };
    let mut tx = context.store.begin(by.tenant).await?;
    let token = store::api_token(&mut tx, kind, id).await?.ok_or(Error::NoSuchToken)?;
    if !context.allows(Some(by), action, &token.resource())? {
        return Err(Error::NoSuchToken.into());
    }
    end(&mut tx, &token).await?;
    tx.commit().await?;
    Ok(())
}

async fn end(tx: &mut Tx, token: &ApiToken) -> Result<(), Error> {
    if store::remove_api_token(tx, token.id).await? {
        events::api_token_revoked(tx, token).await?;
    }
    Ok(())
}

/// What a token says, while it is good. Its use is put down at most once a minute.
pub(crate) async fn used(context: &Context, plain: &Plain) -> Result<Option<(TokenUse, AccessClaims)>, Error> {
    let now = context.clock.now();
    let Some(token) = store::api_token_by_hash(context, &plain.hash()).await? else { return Ok(None) };
    if token.expires_at <= now {
        return Ok(None);
    }
    if token.last_used_at.is_none_or(|at| at.plus(NOTED_EVERY) <= now) {
        let mut tx = context.store.begin(token.tenant).await?;
        store::note_use(&mut tx, token.id, now).await?;
        tx.commit().await?;
    }
    Ok(Some(token.claims()))
}

/// An account has changed: the tokens of its earlier sign-ins end first, so that none of them makes another meanwhile, and its
/// own tokens follow it.
pub(crate) async fn follow(context: &Context, user: UserId, news: &AccountChanged) -> Result<(), Error> {
    let now = context.clock.now();
    let mut tx = context.store.begin(news.tenant).await?;
    for family in store::families_before(&mut tx, user, news.changed_at).await? {
        tokens::end(&mut tx, &family, FamilyEnd::Revoked, now).await?;
    }
    match news.state {
        AccountState::Active => store::set_roles(&mut tx, user, &news.roles, news.changed_at).await?,
        AccountState::Deactivated => {
            for token in store::personal_tokens(&mut tx, user).await? {
                end(&mut tx, &token).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(())
}
