//! What admins do with applications.

use nexus_contracts::session_mgr::RevocationReason;
use nexus_kernel::auth::Role;
use nexus_kernel::config::Secret;
use nexus_kernel::extract::IfMatch;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Principal, TenantId};

use crate::application::{Application, ApplicationId, Definition};
use crate::error::Error;
use crate::grant;
use crate::secret::{self, SecretHash};
use crate::store;

/// The most applications that an organisation has.
const MOST: i64 = 1_000;

/// A new secret, where the application has one.
fn secret_for(context: &Context, definition: &Definition) -> (Option<Secret>, Option<SecretHash>) {
    let secret = definition.has_secret().then(|| secret::generate(&context.ids));
    let hash = secret.as_ref().map(|secret| SecretHash::of(secret.expose()));
    (secret, hash)
}

/// Makes an application; its secret is shown this once. `maker` has the roles of whoever makes it.
pub(crate) async fn make(
    context: &Context,
    tx: &mut Tx,
    tenant: TenantId,
    definition: Definition,
    maker: &[Role],
) -> Result<(Application, Option<Secret>), Error> {
    let objections = definition.objections(maker);
    if !objections.is_empty() {
        return Err(Error::Invalid(objections));
    }
    if store::applications::count(tx).await? >= MOST {
        return Err(Error::TooManyApplications(MOST));
    }
    let now = context.clock.now();
    let (secret, hash) = secret_for(context, &definition);
    let id = ApplicationId(context.ids.next());
    let application =
        Application { id, tenant, definition, secret: hash, created_at: now, updated_at: now, version: 1 };
    store::applications::add(tx, &application).await?;
    Ok((application, secret))
}

/// An application that somebody may see.
pub(crate) async fn view(context: &Context, principal: &Principal, id: ApplicationId) -> Result<Application, Error> {
    let mut reader = context.store.read(principal.tenant);
    store::applications::find(&mut reader, id).await?.ok_or(Error::NoSuchApplication)
}

/// An application that somebody is about to change.
async fn changeable(tx: &mut Tx, principal: &Principal, id: ApplicationId) -> Result<Application, Error> {
    let application = store::applications::find(tx, id).await?.ok_or(Error::NoSuchApplication)?;
    if application.is_within(principal) { Ok(application) } else { Err(Error::AboveYou) }
}

/// Says anew what an application is. When it shows who it is in another way from now on, it gets a secret or loses it.
pub(crate) async fn replace(
    context: &Context,
    principal: &Principal,
    id: ApplicationId,
    version: IfMatch,
    definition: Definition,
) -> Result<(Application, Option<Secret>), Error> {
    let mut tx = context.store.begin(principal.tenant).await?;
    let before = changeable(&mut tx, principal, id).await?;
    version.check(before.version)?;
    let objections = definition.objections(&principal.roles);
    if !objections.is_empty() {
        return Err(Error::Invalid(objections));
    }
    let (shown, secret) = match (before.definition.has_secret(), definition.has_secret()) {
        (true, true) => (None, before.secret.clone()),
        (false, true) => secret_for(context, &definition),
        (_, false) => (None, None),
    };
    let after =
        Application { definition, secret, updated_at: context.clock.now(), version: before.version + 1, ..before };
    if !store::applications::update(&mut tx, &after).await? {
        return Err(Error::Changed);
    }
    tx.commit().await?;
    Ok((after, shown))
}

/// Gives an application a new secret; the old one is refused from now on.
pub(crate) async fn rotate_secret(
    context: &Context,
    principal: &Principal,
    id: ApplicationId,
) -> Result<(Application, Option<Secret>), Error> {
    let mut tx = context.store.begin(principal.tenant).await?;
    let before = changeable(&mut tx, principal, id).await?;
    let (shown, secret) = secret_for(context, &before.definition);
    if shown.is_none() {
        return Err(Error::NoSecret);
    }
    let after = Application { secret, updated_at: context.clock.now(), version: before.version + 1, ..before };
    if !store::applications::update(&mut tx, &after).await? {
        return Err(Error::Changed);
    }
    tx.commit().await?;
    Ok((after, shown))
}

/// Forgets an application: whatever it does for people ends.
pub(crate) async fn delete(context: &Context, principal: &Principal, id: ApplicationId) -> Result<(), Error> {
    let now = context.clock.now();
    let mut tx = context.store.begin(principal.tenant).await?;
    changeable(&mut tx, principal, id).await?;
    for grant in store::grants::live_of_application(&mut tx, id).await? {
        store::orders::add_session_end(&mut tx, grant.session, RevocationReason::EndedByPerson, now).await?;
    }
    store::applications::delete(&mut tx, id).await?;
    tx.commit().await?;
    context.wake(grant::JOB);
    Ok(())
}
