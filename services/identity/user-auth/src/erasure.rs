//! Erasing a person: the account goes with all that it says, and an id stays that means nothing to anybody else.

use nexus_contracts::session_mgr::RevocationReason;
use nexus_contracts::user_auth::{GroupChanged, UserErased};
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Principal, Problem, Resource, UserId};

use crate::accounts::{end_sessions, with_current_roles};
use crate::error::Error;
use crate::session_revocation::{self, SessionRevocation};
use crate::store;
use crate::user::User;

/// Erases an account by somebody who may do that.
pub(crate) async fn erase(context: &Context, principal: Principal, id: UserId) -> Result<(), Problem> {
    let mut tx = context.store.begin(principal.tenant).await?;
    let asker = with_current_roles(&mut tx, principal).await?;
    context.authorize(&asker, "erase-user", &Resource::all("Account", asker.tenant))?;
    let user = store::user(&mut tx, id).await?.ok_or(Error::NoSuchUser)?;
    let order = forget(context, &mut tx, &asker, &user).await?;
    tx.commit().await?;
    session_revocation::carry_out_at_once(context, &[order]).await;
    Ok(())
}

/// Removes an account and announces it. Owners alone erase owners, and the last one stays.
pub(crate) async fn forget(
    context: &Context,
    tx: &mut Tx,
    asker: &Principal,
    user: &User,
) -> Result<SessionRevocation, Error> {
    let now = context.clock.now();
    let owners = user.without(asker)?;
    let groups = store::groups_with(tx, user.id).await?;
    if !store::erase_user(tx, user, asker.user, now).await? {
        return Err(Error::Changed);
    }
    if !store::count_owners(tx, owners).await? {
        return Err(Error::LastOwner);
    }
    for group in groups {
        store::touch_group(tx, group.id, now).await?;
        tx.publish(&GroupChanged { group_id: group.id, roles: group.roles }).await?;
    }
    tx.publish(&UserErased { user_id: user.id }).await?;
    Ok(end_sessions(context, tx, asker, user.id, RevocationReason::AccountDeactivated).await?)
}
