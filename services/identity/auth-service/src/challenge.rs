//! A sign-in between its two steps: the password was right, and a code is still to come. Good for one sign-in, five minutes and
//! five codes.

use std::time::Duration;

use nexus_contracts::user_auth::AccountRef;
use nexus_kernel::auth::{AuthenticationMethod, Role};
use nexus_kernel::{Context, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::attempt::Subject;
use crate::error::Error;
use crate::store;
use crate::token::{Token, TokenHash};

/// How long the code may take.
const LIFETIME: Duration = Duration::from_mins(5);
/// How many codes may be tried.
pub(crate) const TRIES: u32 = 5;

/// Somebody who has shown a first factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(crate) who: AccountRef,
    /// What failures are counted for.
    pub(crate) account: Subject,
    pub(crate) roles: Vec<Role>,
    pub(crate) checked_at: Timestamp,
    pub(crate) method: AuthenticationMethod,
}

/// A sign-in between its steps, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) hash: TokenHash,
    pub(crate) proven: Proven,
    pub(crate) expires_at: Timestamp,
}

/// How somebody can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SecondFactor {
    /// With a code of the authenticator app.
    Authenticator,
    /// With one of the recovery codes.
    RecoveryCode,
}

/// A second factor is needed: send a code with this challenge.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SecondFactorChallenge)]
pub(crate) struct ChallengeReply {
    /// Send it back with the code; good for one sign-in.
    challenge: Token,
    /// What kinds of code are taken.
    methods: Vec<SecondFactor>,
    /// For how many seconds the challenge is good.
    #[schema(minimum = 0, maximum = 300, example = 300)]
    expires_in: u64,
}

/// Begins the second step.
pub(crate) async fn open(context: &Context, proven: Proven) -> Result<ChallengeReply, Error> {
    let token = Token::generate(&context.ids);
    let hash = token.hash().ok_or(Error::ChallengeInvalid)?;
    let challenge = Challenge { hash, proven, expires_at: context.clock.now().plus(LIFETIME) };
    store::add_challenge(context, &challenge).await?;
    let methods = vec![SecondFactor::Authenticator, SecondFactor::RecoveryCode];
    Ok(ChallengeReply { challenge: token, methods, expires_in: LIFETIME.as_secs() })
}

/// Takes one of a challenge's tries: whoever sends a code has used it up, whatever the code.
pub(crate) async fn take_try(context: &Context, token: &Token) -> Result<Challenge, Error> {
    let hash = token.hash().ok_or(Error::ChallengeInvalid)?;
    let challenge = store::challenge(context, &hash).await?.ok_or(Error::ChallengeInvalid)?;
    let mut tx = context.store.begin(challenge.proven.who.tenant).await?;
    if !store::take_try(&mut tx, &hash, context.clock.now()).await? {
        return Err(Error::ChallengeInvalid);
    }
    tx.commit().await?;
    Ok(challenge)
}
