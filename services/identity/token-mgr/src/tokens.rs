//! What the service does with tokens: issue the first pair, rotate, revoke.

use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::token_mgr::{IssueTokens, IssuedTokens, RevokeFamily};
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Problem, Timestamp};

use crate::access_token;
use crate::error::Error;
use crate::events;
use crate::family::{Family, Verdict};
use crate::keys::{KeyRing, SigningKey};
use crate::refresh_token::RefreshToken;
use crate::store;

/// Issues a session's first pair.
pub(crate) async fn issue(context: &Context, request: IssueTokens) -> Result<IssuedTokens, Error> {
    let key = context.state::<KeyRing>().signing(context).await?;
    let now = context.clock.now();
    let family = Family {
        session: request.session_id,
        tenant: request.tenant,
        user: request.user,
        roles: request.roles,
        expires_at: request.expires_at,
        revoked_at: None,
    };
    let mut tx = context.store.begin(family.tenant).await?;
    if !store::add_family(&mut tx, &family, now).await? {
        return Err(Error::FamilyExists);
    }
    let issued = next_pair(context, &mut tx, &family, &key, now).await?;
    tx.commit().await?;
    Ok(issued)
}

/// Spends a refresh token and issues the next pair; a token that was spent before ends its family.
pub(crate) async fn refresh(context: &Context, token: &RefreshToken) -> Result<IssuedTokens, Error> {
    let hash = token.hash();
    let owner = store::owner(context, &hash).await?.ok_or(Error::InvalidRefreshToken)?;
    let key = context.state::<KeyRing>().signing(context).await?;
    let now = context.clock.now();
    let mut tx = context.store.begin(owner.tenant).await?;
    let family = store::use_family(&mut tx, owner.session, now).await?.ok_or(Error::InvalidRefreshToken)?;
    match family.judge(store::spent_at(&mut tx, &hash).await?, now) {
        Verdict::Rotate => {
            store::spend(&mut tx, &hash, now).await?;
            let issued = next_pair(context, &mut tx, &family, &key, now).await?;
            events::refreshed(&mut tx, &family, now).await?;
            tx.commit().await?;
            Ok(issued)
        }
        Verdict::Reused => {
            store::revoke_family(&mut tx, family.session, now).await?;
            events::reused(&mut tx, &family).await?;
            tx.commit().await?;
            tracing::warn!(session = %family.session, user = %family.user, "a spent refresh token came again: its session has ended");
            Err(Error::InvalidRefreshToken)
        }
        Verdict::Ended => Err(Error::InvalidRefreshToken),
    }
}

async fn next_pair(
    context: &Context,
    tx: &mut Tx,
    family: &Family,
    key: &SigningKey,
    now: Timestamp,
) -> Result<IssuedTokens, Error> {
    let refresh_token = RefreshToken::generate(&context.ids);
    store::add_token(tx, family.session, &refresh_token.hash(), now).await?;
    let access = access_token::sign(family, key, &context.ids, now)?;
    Ok(IssuedTokens {
        session_id: family.session,
        access_token: access.token,
        expires_in: access.expires_in,
        refresh_token: refresh_token.reveal(),
        refresh_expires_in: family.expires_at.since(now).as_secs(),
    })
}

/// Ends a session's family. One that is not there yet is put down as ended, so that a sign-in on its way can't begin it.
pub(crate) async fn revoke_family(context: &Context, session: SessionId, request: RevokeFamily) -> Result<(), Error> {
    let now = context.clock.now();
    let family = Family {
        session,
        tenant: request.tenant,
        user: request.user,
        roles: Vec::new(),
        expires_at: request.expires_at,
        revoked_at: Some(now),
    };
    let mut tx = context.store.begin(family.tenant).await?;
    if !store::add_family(&mut tx, &family, now).await? {
        store::revoke_family(&mut tx, session, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Forgets what has expired.
pub(crate) async fn forget_expired(context: Context) -> Result<(), Problem> {
    store::forget_expired(&context, context.clock.now()).await?;
    Ok(())
}
