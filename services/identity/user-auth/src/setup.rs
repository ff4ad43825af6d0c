//! Set-up: the first account, made once by whoever has the link that the program prints when it starts. There is no default
//! password.

use std::time::Duration;

use garde::Validate;
use nexus_contracts::user_auth::{EmailAddress, SetupLink, UserCreated, UserVerified};
use nexus_kernel::auth::Role;
use nexus_kernel::blobs::hex;
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Ids, TenantId, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use crate::error::Error;
use crate::name::Name;
use crate::password::{NewPassword, Passwords, is_not};
use crate::store;
use crate::user::{User, UserProfile};

/// How long a link opens other instances than the one that made it.
const SHARED: Duration = Duration::from_hours(24);

/// What the link carries: new at each start of the process and never stored, so that an old log opens nothing.
#[derive(Debug)]
pub(crate) struct SetupToken(Secret);

impl SetupToken {
    /// A new one.
    pub(crate) fn generate(ids: &Ids) -> Self {
        Self(Secret::from(ids.random_token().as_str()))
    }

    /// Compares in constant time.
    fn is(&self, presented: &Secret) -> bool {
        self.0.expose().as_bytes().ct_eq(presented.expose().as_bytes()).into()
    }
}

/// Whether this cloud waits for its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SetupState {
    /// Whether there is no owner yet.
    #[schema(example = false)]
    pub(crate) needed: bool,
}

/// Makes the organisation and its owner.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetupRequest {
    /// The token of the link that was printed at the last start.
    #[garde(skip)]
    #[schema(value_type = String, min_length = 43, max_length = 43, example = "q7Yx0mQ3nV8rT2kLw5Zb9cH4dJ6fG1sA_EpUoXyRiNM")]
    token: Secret,
    /// The organisation's name.
    #[garde(dive)]
    organisation: Name,
    /// Your name.
    #[garde(dive)]
    name: Name,
    /// Your e-mail address; you sign in with it.
    #[garde(dive)]
    email: EmailAddress,
    /// Your password; any characters, 12 or more are recommended.
    #[garde(dive, custom(is_not(&self.email)))]
    password: NewPassword,
}

/// Whether set-up is still to be done.
pub(crate) async fn state(context: &Context) -> Result<SetupState, Error> {
    Ok(SetupState { needed: store::first_organisation(context).await?.is_none() })
}

/// What the program prints at its start.
pub(crate) async fn link(context: &Context) -> Result<SetupLink, Error> {
    let SetupState { needed } = state(context).await?;
    if !needed {
        return Ok(SetupLink { needed, token: None });
    }
    let token = context.state::<SetupToken>().0.clone();
    if let Err(error) = context.cache.set(&note(&token), "", SHARED).await {
        tracing::warn!(%error, "the set-up link opens only this instance");
    }
    Ok(SetupLink { needed, token: Some(token) })
}

/// By what other instances know a token again; who reads it can not make the link from it.
fn note(token: &Secret) -> String {
    format!("user-auth:setup-link:{}", hex(&Sha256::digest(token.expose().as_bytes())))
}

/// Whether it is the token of this instance, or of another that runs beside it.
async fn is_valid(context: &Context, presented: &Secret) -> bool {
    context.state::<SetupToken>().is(presented) || matches!(context.cache.get(&note(presented)).await, Ok(Some(_)))
}

/// Makes the organisation and its owner. Whoever has the link runs this machine, so that the address counts as verified.
pub(crate) async fn set_up(context: &Context, request: SetupRequest) -> Result<UserProfile, Error> {
    if !state(context).await?.needed {
        return Err(Error::SetupDone);
    }
    if !is_valid(context, &request.token).await {
        return Err(Error::SetupLinkInvalid);
    }
    let password = context.state::<Passwords>().hash(&request.password).await?;
    let now = context.clock.now();
    let (id, tenant) = (UserId(context.ids.next()), TenantId(context.ids.next()));
    let owner = User {
        email_verified_at: Some(now),
        roles: vec![Role::Owner],
        ..User::new(id, tenant, request.organisation, request.name, request.email, now)
    };
    let mut tx = context.store.begin(owner.tenant).await?;
    if !store::add_first_organisation(&mut tx, &owner.organisation, now).await? {
        return Err(Error::SetupDone);
    }
    if !store::add_user(&mut tx, &owner, &password).await? {
        return Err(Error::SetupDone);
    }
    tx.publish(&UserCreated { user_id: owner.id, roles: owner.roles.clone() }).await?;
    tx.publish(&UserVerified { user_id: owner.id }).await?;
    tx.commit().await?;
    Ok(owner.into())
}

#[cfg(test)]
mod tests {
    use nexus_kernel::Clock;

    use super::*;

    #[test]
    fn only_the_very_token_is_the_token_and_each_start_has_its_own() {
        let ids = Ids::new(Clock::system());
        let (token, other) = (SetupToken::generate(&ids), SetupToken::generate(&ids));
        assert!(token.is(&token.0.clone()));
        assert!(!token.is(&other.0));
        assert!(!token.is(&Secret::default()));
        assert!(!token.is(&Secret::from(&token.0.expose()[..42])));
    }
}
