//! What the service does with a session's tokens: issue the first pair, rotate, end.

use std::time::Duration;

use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::token_mgr::{
    FamilyEnd, Grant, IssueTokens, IssuedAccessToken, IssuedTokens, RefreshGrant, RefreshedGrant, RevokeFamily, StepUp,
};
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Problem, Timestamp};

use crate::access_token;
use crate::error::Error;
use crate::events;
use crate::family::{Family, Verdict};
use crate::grant;
use crate::keys::SigningKey;
use crate::refresh_token::RefreshToken;
use crate::store;

/// Issues a session's first pair.
pub(crate) async fn issue(context: &Context, request: IssueTokens) -> Result<IssuedTokens, Error> {
    let key = access_token::key(context).await?;
    let now = context.clock.now();
    let family = Family {
        session: request.session_id,
        tenant: request.tenant,
        user: request.user,
        roles: request.roles,
        authenticated_at: Some(request.authenticated_at),
        methods: request.methods,
        grant: request.grant,
        expires_at: request.expires_at,
        last_used_at: now,
        revoked_at: None,
    };
    let mut tx = context.store.begin(family.tenant).await?;
    if !store::add_family(&mut tx, &family, now).await? {
        return Err(Error::FamilyExists);
    }
    let issued = next_pair(context, &mut tx, &family, family.grant.as_ref(), &key).await?;
    tx.commit().await?;
    Ok(issued)
}

/// Spends the refresh token of a person's own session and issues the next pair.
pub(crate) async fn refresh(context: &Context, token: &RefreshToken) -> Result<IssuedTokens, Error> {
    let (issued, ..) = rotate(context, token, |family| match family.grant {
        // An application's token is good only together with the proof of who presents it.
        Some(_) => Err(Error::InvalidRefreshToken),
        None => Ok(None),
    })
    .await?;
    Ok(issued)
}

/// Spends an application's refresh token and issues the next pair.
pub(crate) async fn refresh_grant(context: &Context, request: &RefreshGrant) -> Result<RefreshedGrant, Error> {
    let token = RefreshToken::parse(request.refresh_token.expose())?;
    let (tokens, family, grant) = rotate(context, &token, |family| grant::narrowed(family, request).map(Some)).await?;
    Ok(RefreshedGrant {
        tokens,
        tenant: family.tenant,
        user: family.user,
        scope: grant.map_or_else(String::new, |grant| grant.scope),
        authenticated_at: family.authenticated_at.ok_or(Error::Corrupt("grant"))?,
        methods: family.methods,
    })
}

/// Spends a refresh token and issues the next pair; a token that was spent before ends its family. `admit` says first whether
/// whoever presents it may, and what the next access token may do: a token that it refuses is not spent.
async fn rotate(
    context: &Context,
    token: &RefreshToken,
    admit: impl FnOnce(&Family) -> Result<Option<Grant>, Error>,
) -> Result<(IssuedTokens, Family, Option<Grant>), Error> {
    let hash = token.hash();
    let owner = store::owner(context, &hash).await?.ok_or(Error::InvalidRefreshToken)?;
    let key = access_token::key(context).await?;
    let now = context.clock.now();
    let mut tx = context.store.begin(owner.tenant).await?;
    let family = store::use_family(&mut tx, owner.session, now).await?.ok_or(Error::InvalidRefreshToken)?;
    let grant = admit(&family)?;
    match family.judge(store::spent_at(&mut tx, &hash).await?, now, longest_pause(context)) {
        Verdict::Rotate => {
            store::spend(&mut tx, &hash, now).await?;
            let issued = next_pair(context, &mut tx, &family, grant.as_ref(), &key).await?;
            events::refreshed(&mut tx, &family, now).await?;
            tx.commit().await?;
            Ok((issued, family, grant))
        }
        Verdict::Reused => {
            events::reused(&mut tx, &family).await?;
            end(&mut tx, &family, FamilyEnd::Reused, now).await?;
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
    grant: Option<&Grant>,
    key: &SigningKey,
) -> Result<IssuedTokens, Error> {
    let now = context.clock.now();
    let refresh_token = RefreshToken::generate(&context.ids);
    store::add_token(tx, family.session, &refresh_token.hash(), now).await?;
    let access = access_token::sign(&access_token::of_family(context, family, grant, now), key)?;
    Ok(IssuedTokens {
        session_id: family.session,
        access_token: access.access_token,
        expires_in: access.expires_in,
        refresh_token: refresh_token.reveal(),
        refresh_expires_in: family.expires_at.since(now).as_secs(),
    })
}

/// Puts down that the session's person proved once more who they are, and says so in a new access token.
pub(crate) async fn step_up(context: &Context, request: StepUp) -> Result<IssuedAccessToken, Error> {
    let key = access_token::key(context).await?;
    let now = context.clock.now();
    let mut tx = context.store.begin(request.tenant).await?;
    let family = store::use_family(&mut tx, request.session_id, now).await?.ok_or(Error::SessionEnded)?;
    if family.is_over(now, longest_pause(context)) || family.user != request.user || family.grant.is_some() {
        return Err(Error::SessionEnded);
    }
    let family = Family { authenticated_at: Some(request.authenticated_at), methods: request.methods, ..family };
    store::set_authentication(&mut tx, &family).await?;
    tx.commit().await?;
    access_token::sign(&access_token::of_family(context, &family, None, now), &key)
}

/// Ends a session's family. One that is not there yet is put down as ended, so that a sign-in on its way can't begin it.
pub(crate) async fn revoke_family(context: &Context, session: SessionId, request: RevokeFamily) -> Result<(), Error> {
    let now = context.clock.now();
    let never_began = Family {
        session,
        tenant: request.tenant,
        user: request.user,
        roles: Vec::new(),
        authenticated_at: None,
        methods: Vec::new(),
        grant: None,
        expires_at: request.expires_at,
        last_used_at: now,
        revoked_at: Some(now),
    };
    let mut tx = context.store.begin(request.tenant).await?;
    if !store::add_family(&mut tx, &never_began, now).await?
        && let Some(family) = store::family(&mut tx, session).await?
    {
        end(&mut tx, &family, FamilyEnd::Revoked, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Ends a family and announces it; one that has ended stays as it is.
pub(crate) async fn end(tx: &mut Tx, family: &Family, reason: FamilyEnd, now: Timestamp) -> Result<(), Error> {
    if store::revoke_family(tx, family.session, now).await? {
        events::ended(tx, family, reason).await?;
    }
    Ok(())
}

/// How long a family may go unused.
pub(crate) fn longest_pause(context: &Context) -> Duration {
    Duration::from_secs(context.config.sessions.idle_minutes.saturating_mul(60))
}

/// Ends the families that were not used for too long.
pub(crate) async fn end_idle(context: Context) -> Result<(), Problem> {
    loop {
        let now = context.clock.now();
        let unused_since = now.minus(longest_pause(&context));
        let idle = store::idle_families(&context, unused_since, now).await?;
        if idle.is_empty() {
            return Ok(());
        }
        for owner in idle {
            let mut tx = context.store.begin(owner.tenant).await?;
            // One that is used at this moment goes on.
            let family = store::use_family(&mut tx, owner.session, now).await?;
            if let Some(family) = family.filter(|family| family.last_used_at <= unused_since) {
                end(&mut tx, &family, FamilyEnd::Idle, now).await?;
                tx.commit().await?;
            }
        }
    }
}

/// Forgets what has expired.
pub(crate) async fn forget_expired(context: Context) -> Result<(), Problem> {
    store::forget_expired(&context, context.clock.now()).await?;
    Ok(())
}
