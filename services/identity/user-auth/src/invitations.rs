//! What happens to invitations: admins send, resend and revoke them, and whoever has the link of one accepts it.

use nexus_contracts::user_auth::{EmailAddress, UserCreated, UserRolesChanged, UserVerified};
use nexus_kernel::auth::Role;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Principal, Problem, Resource, TenantId, UserId};

use crate::accounts::with_current_roles;
use crate::error::Error;
use crate::invitation::{
    AcceptRequest, Invitation, InvitationId, InvitationRequest, LIFETIME, MAX_PENDING, OpenedInvitation,
};
use crate::name::Name;
use crate::password::{PasswordHash, Passwords};
use crate::registration::{add_mail, may_mail};
use crate::user::{Owners, User, in_order};
use crate::verification::VerificationToken;
use crate::{groups, mail, mailer, store};

async fn begin(context: &Context, principal: Principal) -> Result<(Tx, Principal), Problem> {
    let mut tx = context.store.begin(principal.tenant).await?;
    let asker = with_current_roles(&mut tx, principal).await?;
    context.authorize(&asker, "invite", &Resource::all("Invitation", asker.tenant))?;
    Ok((tx, asker))
}

/// Invites an address that is not in the organisation and not invited yet.
pub(crate) async fn invite(
    context: &Context,
    principal: Principal,
    request: InvitationRequest,
) -> Result<Invitation, Problem> {
    let (mut tx, asker) = begin(context, principal).await?;
    check(&mut tx, &asker, &request).await?;
    if !may_mail(context, &request.email).await {
        return Err(Error::TooManyMails.into());
    }
    let token = VerificationToken::generate(&context.ids);
    let now = context.clock.now();
    let invitation = Invitation {
        id: InvitationId(context.ids.next()),
        email: request.email,
        roles: in_order(request.roles),
        groups: request.groups,
        invited_by: asker.user,
        created_at: now,
        expires_at: now.plus(LIFETIME),
        token: token.hash()?,
    };
    if !store::add_invitation(&mut tx, &invitation).await? {
        return Err(Error::AlreadyInvited.into());
    }
    send(context, &mut tx, &invitation.email, &token).await?;
    tx.commit().await?;
    context.wake(mailer::JOB);
    Ok(invitation)
}

async fn check(tx: &mut Tx, asker: &Principal, request: &InvitationRequest) -> Result<(), Error> {
    if request.roles.contains(&Role::Owner) && !asker.roles.contains(&Role::Owner) {
        return Err(Error::OwnerOnly);
    }
    for id in &request.groups {
        store::group(tx, *id).await?.ok_or(Error::NoSuchGroup)?;
    }
    let known = store::user_of_address(tx, &request.email).await?;
    if known.is_some_and(|user| user.email_verified_at.is_some()) {
        return Err(Error::AlreadyMember);
    }
    if store::count_invitations(tx).await? >= MAX_PENDING {
        return Err(Error::TooManyInvitations);
    }
    Ok(())
}

/// Asks the person of an account that somebody else made to choose a password for it.
pub(crate) async fn invite_to_account(
    context: &Context,
    tx: &mut Tx,
    asker: UserId,
    email: &EmailAddress,
) -> Result<(), Error> {
    let token = VerificationToken::generate(&context.ids);
    let now = context.clock.now();
    let invitation = Invitation {
        id: InvitationId(context.ids.next()),
        email: email.clone(),
        roles: vec![Role::Member],
        groups: Vec::new(),
        invited_by: asker,
        created_at: now,
        expires_at: now.plus(LIFETIME),
        token: token.hash()?,
    };
    store::remove_invitation_of(tx, email).await?;
    if store::add_invitation(tx, &invitation).await? {
        send(context, tx, email, &token).await?;
    }
    Ok(())
}

/// Puts a link on its way.
async fn send(context: &Context, tx: &mut Tx, email: &EmailAddress, token: &VerificationToken) -> Result<(), Error> {
    add_mail(context, tx, email, mail::invitation(&context.config.public_url, token)).await?;
    Ok(())
}

/// Sends a new link; the one before it is good no longer.
pub(crate) async fn resend(context: &Context, principal: Principal, id: InvitationId) -> Result<Invitation, Problem> {
    let (mut tx, asker) = begin(context, principal).await?;
    let invitation = store::invitation(&mut tx, id).await?.ok_or(Error::NoSuchInvitation)?;
    if invitation.roles.contains(&Role::Owner) && !asker.roles.contains(&Role::Owner) {
        return Err(Error::OwnerOnly.into());
    }
    if !may_mail(context, &invitation.email).await {
        return Err(Error::TooManyMails.into());
    }
    let token = VerificationToken::generate(&context.ids);
    let expires_at = context.clock.now().plus(LIFETIME);
    let renewed = Invitation { invited_by: asker.user, expires_at, token: token.hash()?, ..invitation };
    store::renew_invitation(&mut tx, &renewed).await?;
    send(context, &mut tx, &renewed.email, &token).await?;
    tx.commit().await?;
    context.wake(mailer::JOB);
    Ok(renewed)
}

/// Takes an invitation back; its link is good no longer.
pub(crate) async fn revoke(context: &Context, principal: Principal, id: InvitationId) -> Result<(), Problem> {
    let (mut tx, _) = begin(context, principal).await?;
    if !store::remove_invitation(&mut tx, id).await? {
        return Err(Error::NoSuchInvitation.into());
    }
    tx.commit().await?;
    Ok(())
}

/// What the invitation with this link is about.
pub(crate) async fn open(context: &Context, token: &VerificationToken) -> Result<OpenedInvitation, Error> {
    let hash = token.hash().map_err(|_| Error::InvitationInvalid)?;
    let tenant = store::invitation_tenant(context, &hash).await?.ok_or(Error::InvitationInvalid)?;
    let mut read = context.store.read(tenant);
    let invitation = store::invitation_by_token(&mut read, &hash, context.clock.now()).await?;
    let invitation = invitation.ok_or(Error::InvitationInvalid)?;
    let organisation = store::organisation(&mut read).await?.ok_or(Error::InvitationInvalid)?;
    let user = store::user_of_address(&mut read, &invitation.email).await?;
    Ok(OpenedInvitation {
        organisation: organisation.name,
        name: user.map(|user| user.name),
        email: invitation.email,
        expires_at: invitation.expires_at,
    })
}

/// Makes the account of an invitation, or hands over the one that waits for its person. The link is good once, and shows that
/// the address is the person's.
pub(crate) async fn accept(context: &Context, request: AcceptRequest) -> Result<User, Error> {
    let hash = request.token.hash().map_err(|_| Error::InvitationInvalid)?;
    let tenant = store::invitation_tenant(context, &hash).await?.ok_or(Error::InvitationInvalid)?;
    let password = context.state::<Passwords>().hash(&request.password).await?;
    let now = context.clock.now();
    let mut tx = context.store.begin(tenant).await?;
    let invitation = store::invitation_by_token(&mut tx, &hash, now).await?.ok_or(Error::InvitationInvalid)?;
    if request.password.is_address(&invitation.email) {
        return Err(Error::PasswordIsEmail("password"));
    }
    if !store::remove_invitation(&mut tx, invitation.id).await? {
        return Err(Error::InvitationInvalid);
    }
    let user = join(context, &mut tx, tenant, &invitation, request.name, &password).await?;
    groups::put_in(&mut tx, user, &invitation.groups, now).await?;
    let user = store::user(&mut tx, user).await?.ok_or(Error::NoSuchUser)?;
    tx.publish(&UserVerified { user_id: user.id }).await?;
    tx.publish(&UserRolesChanged { user_id: user.id, roles: user.effective_roles() }).await?;
    tx.commit().await?;
    Ok(user)
}

async fn join(
    context: &Context,
    tx: &mut Tx,
    tenant: TenantId,
    invitation: &Invitation,
    name: Name,
    password: &PasswordHash,
) -> Result<UserId, Error> {
    let now = context.clock.now();
    let (user, owners) = match store::user_of_address(tx, &invitation.email).await? {
        Some(user) if user.email_verified_at.is_some() => return Err(Error::AlreadyMember),
        Some(user) if !user.is_active() => return Err(Error::InvitationInvalid),
        Some(user) => user.joined(name, &invitation.roles, now),
        None => {
            let organisation = store::organisation(tx).await?.ok_or(Error::InvitationInvalid)?;
            let id = UserId(context.ids.next());
            let blank = User::new(id, tenant, organisation.name, name.clone(), invitation.email.clone(), now);
            if !store::add_user(tx, &blank, password).await? {
                return Err(Error::AddressTaken);
            }
            tx.publish(&UserCreated { user_id: id, roles: invitation.roles.clone() }).await?;
            blank.joined(name, &invitation.roles, now)
        }
    };
    if !store::update(tx, &user).await? {
        return Err(Error::Changed);
    }
    store::set_password(tx, user.id, password).await?;
    store::mark_verified(tx, user.id, now).await?;
    if owners == Owners::OneMore {
        store::count_owners(tx, owners).await?;
    }
    Ok(user.id)
}
