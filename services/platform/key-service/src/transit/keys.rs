//! What people do with keys: make, look at, change, rotate, trim, export and delete them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nexus_contracts::key_service::KeyChanged;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Problem, Role, TenantId};

use super::cache::KeyCache;
use super::key::{Kind, Material, TransitKey, Version, check_name};
use super::rules::{KeyChange, check_kind, check_rotation};
use super::unlocked::Unlocked;
use crate::asker::Asker;
use crate::audit::{self, Line};
use crate::error::Error;
use crate::seal::{self, Purpose};
use crate::store::transit as store;

/// The most keys of a tenant.
const MAX_KEYS: i64 = 10_000;
/// The most versions of a key that are there at once.
const MAX_VERSIONS: u32 = 1_000;
/// How many keys one pass of the job rotates.
const BATCH: i64 = 100;

/// A key to make.
#[derive(Debug, Clone)]
pub(crate) struct NewKey {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) derived: bool,
    pub(crate) convergent: bool,
    pub(crate) exportable: bool,
    pub(crate) rotate_every: Duration,
    pub(crate) usable_by: Role,
}

/// A key of the asker's organisation.
pub(crate) async fn find(asker: &Asker, name: &str) -> Result<TransitKey, Error> {
    let mut reader = asker.context.store.read(asker.principal.tenant);
    store::key(&mut reader, name).await?.ok_or(Error::NotFound)
}

/// The names of all keys, in their order.
pub(crate) async fn names(asker: &Asker) -> Result<Vec<String>, Error> {
    seal::roots(&asker.context).await?;
    Ok(store::names(&asker.context, asker.principal.tenant, MAX_KEYS).await?)
}

/// A key that is ready for use.
pub(crate) async fn unlock(context: &Context, tenant: TenantId, name: &str) -> Result<Arc<Unlocked>, Error> {
    seal::roots(context).await?;
    let cache = context.state::<KeyCache>();
    if let Some(unlocked) = cache.get(tenant, name) {
        return Ok(unlocked);
    }
    let moment = cache.moment();
    let mut reader = context.store.read(tenant);
    let key = store::key(&mut reader, name).await?.ok_or(Error::NotFound)?;
    let mut versions = BTreeMap::new();
    for stored in store::versions(&mut reader, &key.id).await? {
        versions.insert(stored.number, (reveal(context, &key, &stored).await?, stored.created_at));
    }
    let unlocked = Arc::new(Unlocked { key, versions });
    cache.put(moment, &unlocked);
    Ok(unlocked)
}

/// Makes a key; one that is there stays as it is.
pub(crate) async fn create(asker: &Asker, new: NewKey) -> Result<(), Error> {
    check_name(&new.name)?;
    check_kind(new.kind, new.derived, new.convergent)?;
    check_rotation(new.rotate_every)?;
    let Asker { context, principal } = asker;
    seal::roots(context).await?;
    let now = context.clock.now();
    let key = TransitKey {
        id: context.ids.next().to_string(),
        tenant: principal.tenant,
        name: new.name,
        kind: new.kind,
        owner: principal.user,
        usable_by: new.usable_by,
        derived: new.derived,
        convergent: new.convergent,
        exportable: new.exportable,
        deletion_allowed: false,
        latest_version: 1,
        min_available_version: 0,
        min_decryption_version: 1,
        min_encryption_version: 0,
        rotate_every: new.rotate_every,
        rotated_at: now,
        created_at: now,
    };
    let version = protect(context, &key, 1).await?;
    let mut tx = context.store.begin(key.tenant).await?;
    if store::count(&mut tx).await? >= MAX_KEYS {
        return Err(Error::invalid(format!("an organisation has at most {MAX_KEYS} keys")));
    }
    if !store::add(&mut tx, &key).await? {
        return Ok(());
    }
    store::add_version(&mut tx, &key.id, &version).await?;
    finish(asker, tx, &key, "create-key").await
}

/// Changes what a key may be used for.
pub(crate) async fn configure(asker: &Asker, name: &str, change: &KeyChange) -> Result<(), Error> {
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    let key = store::locked(&mut tx, name).await?.ok_or(Error::NotFound)?.changed(change)?;
    store::update(&mut tx, &key).await?;
    finish(asker, tx, &key, "configure-key").await
}

/// Makes a key's next version.
pub(crate) async fn rotate(asker: &Asker, name: &str) -> Result<(), Error> {
    seal::roots(&asker.context).await?;
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    let key = store::locked(&mut tx, name).await?.ok_or(Error::NotFound)?;
    let key = add_next_version(&asker.context, &mut tx, key).await?;
    finish(asker, tx, &key, "rotate-key").await
}

async fn add_next_version(context: &Context, tx: &mut Tx, key: TransitKey) -> Result<TransitKey, Error> {
    if key.latest_version - key.min_available_version >= MAX_VERSIONS {
        return Err(Error::invalid(format!(
            "a key has at most {MAX_VERSIONS} versions: trim those that nothing needs"
        )));
    }
    let key = key.rotated(context.clock.now())?;
    let version = protect(context, &key, key.latest_version).await?;
    store::update(tx, &key).await?;
    store::add_version(tx, &key.id, &version).await?;
    Ok(key)
}

/// Forgets a key's oldest versions, for ever.
pub(crate) async fn trim(asker: &Asker, name: &str, min_available_version: u32) -> Result<(), Error> {
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    let key = store::locked(&mut tx, name).await?.ok_or(Error::NotFound)?.trimmed(min_available_version)?;
    store::update(&mut tx, &key).await?;
    store::forget_versions_before(&mut tx, &key.id, min_available_version).await?;
    finish(asker, tx, &key, "trim-key").await
}

/// Deletes a key and all that it could have opened.
pub(crate) async fn delete(asker: &Asker, name: &str) -> Result<(), Error> {
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    let key = store::locked(&mut tx, name).await?.ok_or(Error::NotFound)?;
    if !key.deletion_allowed {
        return Err(Error::invalid("error deleting policy: deletion is not allowed for this key"));
    }
    store::delete(&mut tx, &key.id).await?;
    finish(asker, tx, &key, "delete-key").await
}

/// A key that may be exported, with what makes it one.
pub(crate) async fn export(asker: &Asker, name: &str) -> Result<Arc<Unlocked>, Error> {
    let unlocked = unlock(&asker.context, asker.principal.tenant, name).await?;
    if !unlocked.key.exportable {
        return Err(Error::invalid("private key material is not exportable"));
    }
    let line = Line::of(asker, "export-key", &target(name)).version(unlocked.key.latest_version);
    audit::write(&asker.context, line).await?;
    Ok(unlocked)
}

async fn finish(asker: &Asker, mut tx: Tx, key: &TransitKey, action: &'static str) -> Result<(), Error> {
    audit::add(&mut tx, &Line::of(asker, action, &target(&key.name)).version(key.latest_version)).await?;
    tx.publish(&KeyChanged { tenant: key.tenant, name: key.name.clone() }).await?;
    tx.commit().await?;
    asker.context.state::<KeyCache>().forget(key.tenant, &key.name);
    Ok(())
}

/// How the log calls a key.
pub(crate) fn target(name: &str) -> String {
    format!("transit/{name}")
}

/// Rotates the keys whose time has come.
pub(crate) async fn rotate_due(context: Context) -> Result<(), Problem> {
    if seal::roots(&context).await.is_err() {
        return Ok(());
    }
    for (tenant, name) in store::due(&context, BATCH).await? {
        let mut tx = context.store.begin(tenant).await?;
        let Some(key) = store::locked(&mut tx, &name).await? else { continue };
        if key.rotate_at().is_none_or(|at| at > context.clock.now()) {
            continue;
        }
        let key = add_next_version(&context, &mut tx, key).await?;
        let line = Line::of_service(&context, tenant, "rotate-key", &target(&name)).version(key.latest_version);
        audit::add(&mut tx, &line).await?;
        tx.publish(&KeyChanged { tenant, name: name.clone() }).await?;
        tx.commit().await?;
        context.state::<KeyCache>().forget(tenant, &name);
    }
    Ok(())
}

async fn protect(context: &Context, key: &TransitKey, version: u32) -> Result<Version, Error> {
    let plain = Material::generate().to_bytes();
    let (tenant, number) = (key.tenant.to_string(), version.to_string());
    let material = seal::protect(context, purpose(&tenant), &[&key.id, &number], &plain).await?;
    Ok(Version { number: version, material, created_at: context.clock.now() })
}

async fn reveal(context: &Context, key: &TransitKey, stored: &Version) -> Result<Material, Error> {
    let (tenant, number) = (key.tenant.to_string(), stored.number.to_string());
    let plain = seal::reveal(context, purpose(&tenant), &[&key.id, &number], &stored.material).await?;
    Material::from_bytes(&plain).ok_or(Error::Corrupt("key"))
}

fn purpose(tenant: &str) -> Purpose<'_> {
    Purpose { label: "key", owner: tenant }
}
