//! What admins do with groups. Whoever may do something else because of it has to sign in again.

use std::collections::HashMap;

use nexus_contracts::session_mgr::RevocationReason;
use nexus_contracts::user_auth::{GroupChanged, GroupDeleted, GroupId, UserRolesChanged};
use nexus_kernel::auth::Role;
use nexus_kernel::extract::IfMatch;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Principal, Problem, Resource, Timestamp, UserId};

use crate::accounts::{end_sessions, with_current_roles};
use crate::error::Error;
use crate::group::{Group, GroupChanges, GroupRequest, MAX_GROUPS, MAX_MEMBERS, resource};
use crate::session_revocation::{self, SessionRevocation};
use crate::store;
use crate::user::User;

/// How many people's sessions are ended before a change is answered; those of more end right after it.
const AT_ONCE: usize = 16;

/// Begins a change of groups by somebody who may do that now.
async fn begin(context: &Context, principal: Principal) -> Result<(Tx, Principal), Problem> {
    let mut tx = context.store.begin(principal.tenant).await?;
    let asker = with_current_roles(&mut tx, principal).await?;
    context.authorize(&asker, "change-groups", &Resource::all("Group", asker.tenant))?;
    Ok((tx, asker))
}

/// One group of the asker's organisation.
pub(crate) async fn view(context: &Context, principal: &Principal, id: GroupId) -> Result<Group, Problem> {
    context.authorize(principal, "view-group", &resource(principal.tenant, id))?;
    let found = store::group(&mut context.store.read(principal.tenant), id).await?;
    Ok(found.ok_or(Error::NoSuchGroup)?)
}

/// Makes a group.
pub(crate) async fn create(context: &Context, principal: Principal, request: GroupRequest) -> Result<Group, Problem> {
    let (mut tx, asker) = begin(context, principal).await?;
    let id = GroupId(context.ids.next());
    let group = Group::new(id, asker.tenant, request.name, request.roles, context.clock.now());
    add(&mut tx, &group).await?;
    tx.commit().await?;
    Ok(group)
}

/// Adds a group and announces it.
pub(crate) async fn add(tx: &mut Tx, group: &Group) -> Result<(), Error> {
    if store::count_groups(tx).await? >= MAX_GROUPS {
        return Err(Error::TooManyGroups);
    }
    if !store::add_group(tx, group).await? {
        return Err(Error::GroupNameTaken);
    }
    announce(tx, group).await
}

async fn announce(tx: &mut Tx, group: &Group) -> Result<(), Error> {
    tx.publish(&GroupChanged { group_id: group.id, roles: group.roles.clone() }).await?;
    Ok(())
}

/// Changes a group's name or roles.
pub(crate) async fn change(
    context: &Context,
    principal: Principal,
    id: GroupId,
    version: IfMatch,
    changes: GroupChanges,
) -> Result<Group, Problem> {
    let (mut tx, asker) = begin(context, principal).await?;
    let group = store::group(&mut tx, id).await?.ok_or(Error::NoSuchGroup)?;
    version.check(group.version)?;
    let next = group.with(changes, context.clock.now());
    let before = if next.roles == group.roles { Vec::new() } else { store::everybody_in(&mut tx, id).await? };
    let before = Rights::of(&before);
    update(&mut tx, &next).await?;
    let orders = before.announce_changes(context, &mut tx, &asker).await?;
    tx.commit().await?;
    end_now(context, orders).await;
    Ok(next)
}

/// Stores a group's next version and announces it.
pub(crate) async fn update(tx: &mut Tx, changed: &Group) -> Result<(), Error> {
    if store::group_name_taken(tx, changed).await? {
        return Err(Error::GroupNameTaken);
    }
    if !store::update_group(tx, changed).await? {
        return Err(Error::Changed);
    }
    announce(tx, changed).await
}

/// Ends a group. Its members stay.
pub(crate) async fn delete(context: &Context, principal: Principal, id: GroupId) -> Result<(), Problem> {
    let (mut tx, asker) = begin(context, principal).await?;
    let orders = remove(context, &mut tx, &asker, id).await?;
    tx.commit().await?;
    end_now(context, orders).await;
    Ok(())
}

/// Removes a group and announces what its members may do without it.
pub(crate) async fn remove(
    context: &Context,
    tx: &mut Tx,
    asker: &Principal,
    id: GroupId,
) -> Result<Vec<SessionRevocation>, Error> {
    let group = store::group(tx, id).await?.ok_or(Error::NoSuchGroup)?;
    let before = if group.roles.is_empty() { Vec::new() } else { store::everybody_in(tx, id).await? };
    let before = Rights::of(&before);
    if !store::remove_group(tx, id).await? {
        return Err(Error::NoSuchGroup);
    }
    tx.publish(&GroupDeleted { group_id: id }).await?;
    before.announce_changes(context, tx, asker).await
}

/// Puts somebody into a group; nothing happens when the person is in it.
pub(crate) async fn add_member(
    context: &Context,
    principal: Principal,
    id: GroupId,
    user: UserId,
) -> Result<(), Problem> {
    let (mut tx, asker) = begin(context, principal).await?;
    let orders = change_members(context, &mut tx, &asker, id, &[MemberChange::Add(user)]).await?;
    tx.commit().await?;
    end_now(context, orders).await;
    Ok(())
}

/// Takes somebody out of a group; nothing happens when the person is not in it.
pub(crate) async fn remove_member(
    context: &Context,
    principal: Principal,
    id: GroupId,
    user: UserId,
) -> Result<(), Problem> {
    let (mut tx, asker) = begin(context, principal).await?;
    let orders = change_members(context, &mut tx, &asker, id, &[MemberChange::Remove(user)]).await?;
    tx.commit().await?;
    end_now(context, orders).await;
    Ok(())
}

/// A person who comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberChange {
    /// Is in the group from now on.
    Add(UserId),
    /// Is not in the group any more.
    Remove(UserId),
}

/// Puts people into a group and takes others out of it.
pub(crate) async fn change_members(
    context: &Context,
    tx: &mut Tx,
    asker: &Principal,
    id: GroupId,
    changes: &[MemberChange],
) -> Result<Vec<SessionRevocation>, Error> {
    let now = context.clock.now();
    let mut affected = Vec::new();
    for change in changes {
        let (MemberChange::Add(user) | MemberChange::Remove(user)) = *change;
        let before = store::user(tx, user).await?.ok_or(Error::NoSuchUser)?;
        let happened = match change {
            MemberChange::Add(_) => store::add_member(tx, id, user, now).await?,
            MemberChange::Remove(_) => store::remove_member(tx, id, user).await?,
        };
        if happened {
            affected.push(before);
        }
    }
    if affected.is_empty() {
        return store::group(tx, id).await?.map(|_| Vec::new()).ok_or(Error::NoSuchGroup);
    }
    if !store::touch_group(tx, id, now).await? {
        return Err(Error::NoSuchGroup);
    }
    let group = store::group(tx, id).await?.ok_or(Error::NoSuchGroup)?;
    if group.members > MAX_MEMBERS {
        return Err(Error::GroupFull);
    }
    announce(tx, &group).await?;
    Rights::of(&affected).announce_changes(context, tx, asker).await
}

/// Puts somebody who joins into groups, as far as those are there.
pub(crate) async fn put_in(tx: &mut Tx, user: UserId, groups: &[GroupId], now: Timestamp) -> Result<(), Error> {
    for id in groups {
        let Some(group) = store::group(tx, *id).await? else { continue };
        if group.members >= MAX_MEMBERS {
            return Err(Error::GroupFull);
        }
        if store::add_member(tx, *id, user, now).await? && store::touch_group(tx, *id, now).await? {
            announce(tx, &group).await?;
        }
    }
    Ok(())
}

/// Ends the sessions of people who may do something else now.
pub(crate) async fn end_now(context: &Context, mut orders: Vec<SessionRevocation>) {
    let many = orders.len() > AT_ONCE;
    orders.truncate(AT_ONCE);
    session_revocation::carry_out_at_once(context, &orders).await;
    if many {
        context.wake(session_revocation::JOB);
    }
}

/// What some people may do, before something changes that may change it.
pub(crate) struct Rights(HashMap<UserId, Vec<Role>>);

impl Rights {
    /// What these people may do, as their accounts say.
    pub(crate) fn of(people: &[User]) -> Self {
        Self(people.iter().map(|user| (user.id, user.effective_roles())).collect())
    }

    /// Says of everybody who may do something else now what that is, and puts down that their sessions have to end.
    pub(crate) async fn announce_changes(
        self,
        context: &Context,
        tx: &mut Tx,
        asker: &Principal,
    ) -> Result<Vec<SessionRevocation>, Error> {
        let mut orders = Vec::new();
        for (id, before) in self.0 {
            let Some(user) = store::user(tx, id).await? else { continue };
            let now = user.effective_roles();
            if now != before {
                tx.publish(&UserRolesChanged { user_id: id, roles: now }).await?;
                orders.push(end_sessions(context, tx, asker, id, RevocationReason::RolesChanged).await?);
            }
        }
        Ok(orders)
    }
}
