//! What people do with accounts that are there: their own name and password, and, as admins, others' roles.

use garde::Validate;
use nexus_contracts::session_mgr::RevocationReason;
use nexus_contracts::user_auth::{Person, UserDeactivated, UserReactivated, UserRolesChanged};
use nexus_kernel::auth::Role;
use nexus_kernel::config::Secret;
use nexus_kernel::extract::IfMatch;
use nexus_kernel::limit::Quota;
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, Principal, Problem, Resource, TenantId, UserId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::name::Name;
use crate::password::{NewPassword, Passwords, typed};
use crate::session_revocation::{self, SessionRevocation};
use crate::store;
use crate::user::{Activity, User, resource};

/// Changes the asker's password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The password until now.
    #[garde(custom(typed))]
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 128, example = "correct horse battery")]
    current_password: Secret,
    /// The password from now on; any characters, 12 or more are recommended.
    #[garde(dive)]
    new_password: NewPassword,
}

/// One account of the asker's organisation.
pub(crate) async fn view(context: &Context, principal: &Principal, id: UserId) -> Result<User, Problem> {
    context.authorize(principal, "view-user", &resource(principal.tenant, id))?;
    let found = store::user(&mut context.store.read(principal.tenant), id).await?;
    Ok(found.ok_or(Error::NoSuchUser)?)
}

/// Changes the asker's own name.
pub(crate) async fn rename(
    context: &Context,
    principal: &Principal,
    version: IfMatch,
    name: Name,
) -> Result<User, Problem> {
    context.authorize(principal, "update-profile", &resource(principal.tenant, principal.user))?;
    let mut tx = context.store.begin(principal.tenant).await?;
    let user = store::user(&mut tx, principal.user).await?.ok_or(Error::NoSuchUser)?;
    version.check(user.version)?;
    let renamed = user.with_name(name, context.clock.now());
    if !store::update(&mut tx, &renamed).await? {
        return Err(Error::Changed.into());
    }
    tx.commit().await?;
    Ok(renamed)
}

/// Changes the asker's own password, and ends all of the person's sessions: whoever knew the old one has to go.
pub(crate) async fn change_password(
    context: &Context,
    principal: &Principal,
    change: PasswordChange,
) -> Result<(), Problem> {
    context.authorize(principal, "change-password", &resource(principal.tenant, principal.user))?;
    limit_guesses(context, principal.user).await?;
    let known = store::own_credentials(context, principal).await?.ok_or(Error::NoSuchUser)?;
    let passwords = context.state::<Passwords>();
    if !passwords.verify(&change.current_password, Some(&known.password).filter(|hash| hash.is_set())).await? {
        return Err(Error::WrongPassword.into());
    }
    if change.new_password.is_address(&known.user.email) {
        return Err(Error::PasswordIsEmail("new_password").into());
    }
    let new = passwords.hash(&change.new_password).await?;
    let mut tx = context.store.begin(principal.tenant).await?;
    // A password that was changed meanwhile is not the one that was checked.
    if !store::change_password(&mut tx, principal.user, &known.password, &new).await? {
        return Err(Error::WrongPassword.into());
    }
    let order = end_sessions(context, &mut tx, principal, principal.user, RevocationReason::PasswordChanged).await?;
    tx.commit().await?;
    session_revocation::carry_out_at_once(context, &[order]).await;
    Ok(())
}

/// A stolen access token must not become a way to guess the password: five attempts at once, then one a minute.
async fn limit_guesses(context: &Context, user: UserId) -> Result<(), Problem> {
    let key = format!("user-auth:password:{user}");
    let decision = context.cache.limit(&key, Quota::per_second(1.0 / 60.0, 5)).await.map_err(Problem::internal)?;
    if decision.allowed { Ok(()) } else { Err(Error::TooManyAttempts(decision.retry_after).into()) }
}

/// Says what a person may do from now on. The person's sessions end, as their tokens carry the old roles.
pub(crate) async fn change_roles(
    context: &Context,
    principal: Principal,
    id: UserId,
    version: IfMatch,
    roles: Vec<Role>,
) -> Result<User, Problem> {
    let mut tx = context.store.begin(principal.tenant).await?;
    let asker = with_current_roles(&mut tx, principal).await?;
    context.authorize(&asker, "change-roles", &Resource::all("Account", asker.tenant))?;
    let user = store::user(&mut tx, id).await?.ok_or(Error::NoSuchUser)?;
    version.check(user.version)?;
    let (changed, owners) = user.with_roles(roles, &asker, context.clock.now())?;
    if changed.roles == user.roles {
        return Ok(user);
    }
    if !store::update(&mut tx, &changed).await? {
        return Err(Error::Changed.into());
    }
    if !store::count_owners(&mut tx, owners).await? {
        return Err(Error::LastOwner.into());
    }
    let order = end_sessions(context, &mut tx, &asker, id, RevocationReason::RolesChanged).await?;
    tx.publish(&UserRolesChanged { user_id: id, roles: changed.effective_roles() }).await?;
    tx.commit().await?;
    session_revocation::carry_out_at_once(context, &[order]).await;
    Ok(changed)
}

/// Says whether an account may be used from now on. The sessions of one that may not end.
pub(crate) async fn set_activity(
    context: &Context,
    principal: Principal,
    id: UserId,
    activity: Activity,
) -> Result<User, Problem> {
    let mut tx = context.store.begin(principal.tenant).await?;
    let asker = with_current_roles(&mut tx, principal).await?;
    context.authorize(&asker, "change-activity", &Resource::all("Account", asker.tenant))?;
    let user = store::user(&mut tx, id).await?.ok_or(Error::NoSuchUser)?;
    let (changed, owners) = user.with_activity(activity, &asker, context.clock.now())?;
    if changed.is_active() == user.is_active() {
        return Ok(user);
    }
    if !store::update(&mut tx, &changed).await? {
        return Err(Error::Changed.into());
    }
    if !store::count_owners(&mut tx, owners).await? {
        return Err(Error::LastOwner.into());
    }
    let order = match activity {
        Activity::Active => {
            tx.publish(&UserReactivated { user_id: id }).await?;
            None
        }
        Activity::Deactivated => {
            tx.publish(&UserDeactivated { user_id: id }).await?;
            Some(end_sessions(context, &mut tx, &asker, id, RevocationReason::AccountDeactivated).await?)
        }
    };
    tx.commit().await?;
    session_revocation::carry_out_at_once(context, order.as_slice()).await;
    Ok(changed)
}

/// A person, for other services.
pub(crate) async fn person(context: &Context, tenant: TenantId, id: UserId) -> Result<Person, Error> {
    let mut read = context.store.read(tenant);
    let user = store::user(&mut read, id).await?.ok_or(Error::NoSuchUser)?;
    Ok(Person {
        user: user.id,
        tenant: user.tenant,
        name: user.name.to_string(),
        roles: user.effective_roles(),
        groups: store::group_names(&mut read, id).await?,
        active: user.is_active(),
        email_verified: user.email_verified_at.is_some(),
        email: user.email,
        updated_at: user.updated_at,
    })
}

/// The asker with the roles that the account has now: those in a token are minutes old, and whoever lost a role must not use
/// the rest of that time to get it back. A token that says less than the account says no more because of it, and one that is
/// nobody's, as a service's own, says what it says.
pub(crate) async fn with_current_roles(tx: &mut Tx, principal: Principal) -> Result<Principal, StoreError> {
    let held = principal.roles.iter().max().copied();
    let roles = match store::user(tx, principal.user).await? {
        Some(user) if user.is_active() => held.min(user.effective_roles().first().copied()).into_iter().collect(),
        Some(_) => Vec::new(),
        None if principal.is_unlimited() || store::is_erased(tx, principal.user).await? => Vec::new(),
        None => held.into_iter().collect(),
    };
    Ok(Principal { roles, ..principal })
}

/// Puts down that a person's sessions have to end. Call [`session_revocation::carry_out_at_once`] once it is committed.
pub(crate) async fn end_sessions(
    context: &Context,
    tx: &mut Tx,
    asker: &Principal,
    user: UserId,
    reason: RevocationReason,
) -> Result<SessionRevocation, StoreError> {
    let id = context.ids.next().to_string();
    let order = SessionRevocation { id, tenant: asker.tenant, user, reason, attempts: 0 };
    store::order_session_revocation(tx, &order, context.clock.now().plus(session_revocation::AT_ONCE)).await?;
    Ok(order)
}
