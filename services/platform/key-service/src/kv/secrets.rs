//! What people do with secrets: write, read, delete and bring back, destroy, list.

use nexus_kernel::Timestamp;
use nexus_kernel::store::Tx;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::path::{Folder, Path};
use super::secret::{MetadataChange, Rules, Secret, Version};
use crate::asker::Asker;
use crate::audit::{self, Line};
use crate::error::Error;
use crate::seal::{self, Purpose};
use crate::store::secrets as store;

/// The largest value, in bytes of JSON.
const MAX_VALUE: usize = 512 << 10;
/// The most names of a folder that are listed.
const MAX_LISTED: i64 = 10_000;

/// What is known of a version, and its value where it is given out.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) secret: Secret,
    pub(crate) version: Version,
    pub(crate) value: Option<Map<String, Value>>,
}

/// Writes a value as the next version.
pub(crate) async fn write(
    asker: &Asker,
    path: &Path,
    cas: Option<u32>,
    value: &Map<String, Value>,
) -> Result<Found, Error> {
    seal::roots(&asker.context).await?;
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    let secret = lock_or_add(asker, &mut tx, path).await?;
    add_version(asker, tx, path, secret, cas, value).await
}

/// Merges a value into the newest version (RFC 7396).
pub(crate) async fn merge(
    asker: &Asker,
    path: &Path,
    cas: Option<u32>,
    changes: &Map<String, Value>,
) -> Result<Found, Error> {
    seal::roots(&asker.context).await?;
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    let secret = store::locked(&mut tx, path).await?.ok_or(Error::NotFound)?;
    let version = store::version(&mut tx, path, secret.current_version).await?.ok_or(Error::NotFound)?;
    if !version.is_readable(asker.context.clock.now()) {
        return Err(Error::NotFound);
    }
    let stored = store::value(&mut tx, path, version.number).await?.ok_or(Error::NotFound)?;
    let mut value = reveal(asker, path, version.number, &stored).await?;
    merge_into(&mut value, changes);
    add_version(asker, tx, path, secret, cas, &value).await
}

fn merge_into(value: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (name, change) in changes {
        match (change, value.get_mut(name)) {
            (Value::Null, _) => {
                value.remove(name);
            }
            (Value::Object(change), Some(Value::Object(inner))) => merge_into(inner, change),
            (Value::Object(change), _) => {
                let mut inner = Map::new();
                merge_into(&mut inner, change);
                value.insert(name.clone(), inner.into());
            }
            (change, _) => {
                value.insert(name.clone(), change.clone());
            }
        }
    }
}

async fn lock_or_add(asker: &Asker, tx: &mut Tx, path: &Path) -> Result<Secret, Error> {
    let new = Secret::new(path.as_str(), asker.context.clock.now());
    if store::add(tx, &new, &path.folder()).await? {
        store::add_folders(tx, path.folder().up()).await?;
    }
    store::locked(tx, path).await?.ok_or(Error::NotFound)
}

async fn add_version(
    asker: &Asker,
    mut tx: Tx,
    path: &Path,
    secret: Secret,
    cas: Option<u32>,
    value: &Map<String, Value>,
) -> Result<Found, Error> {
    let now = asker.context.clock.now();
    let tenant = store::rules(&mut tx).await?;
    secret.check_and_set(tenant, cas)?;
    let current_version =
        secret.current_version.checked_add(1).ok_or_else(|| Error::invalid("the secret has no more versions"))?;
    let secret = Secret { current_version, updated_at: now, ..secret };
    let deleted_at = secret.deletes_at(tenant, now);
    let version = Version { number: current_version, created_at: now, deleted_at, destroyed: false };
    let stored = protect(asker, path, current_version, value).await?;
    store::update(&mut tx, &secret).await?;
    store::add_version(&mut tx, path, &version, &stored).await?;
    store::forget_versions_before(&mut tx, path, secret.oldest_kept(tenant)).await?;
    audit::add(&mut tx, &Line::of(asker, "write-secret", &path.target()).version(current_version)).await?;
    tx.commit().await?;
    Ok(Found { secret, version, value: None })
}

/// Reads a version, or the newest. A version that was deleted is found without its value.
pub(crate) async fn read(asker: &Asker, path: &Path, version: Option<u32>) -> Result<Found, Error> {
    seal::roots(&asker.context).await?;
    let mut reader = asker.context.store.read(asker.principal.tenant);
    let secret = store::secret(&mut reader, path).await?.ok_or(Error::NotFound)?;
    let number = version.filter(|version| *version > 0).unwrap_or(secret.current_version);
    let version = store::version(&mut reader, path, number).await?.ok_or(Error::NotFound)?;
    if !version.is_readable(asker.context.clock.now()) {
        return Ok(Found { secret, version, value: None });
    }
    let stored = store::value(&mut reader, path, number).await?.ok_or(Error::NotFound)?;
    let value = reveal(asker, path, number, &stored).await?;
    audit::write(&asker.context, Line::of(asker, "read-secret", &path.target()).version(number)).await?;
    Ok(Found { secret, version, value: Some(value) })
}

/// Deletes versions so that they can be brought back; the newest where none is named.
pub(crate) async fn delete(asker: &Asker, path: &Path, versions: &[u32]) -> Result<(), Error> {
    let now = asker.context.clock.now();
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    let secret = store::locked(&mut tx, path).await?.ok_or(Error::NotFound)?;
    let newest = [secret.current_version];
    for version in if versions.is_empty() { &newest[..] } else { versions } {
        store::set_deleted(&mut tx, path, *version, Some(now)).await?;
        audit::add(&mut tx, &Line::of(asker, "delete-secret", &path.target()).version(*version)).await?;
    }
    Ok(tx.commit().await?)
}

/// Brings deleted versions back.
pub(crate) async fn undelete(asker: &Asker, path: &Path, versions: &[u32]) -> Result<(), Error> {
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    store::locked(&mut tx, path).await?.ok_or(Error::NotFound)?;
    for version in versions {
        store::set_deleted(&mut tx, path, *version, None).await?;
        audit::add(&mut tx, &Line::of(asker, "undelete-secret", &path.target()).version(*version)).await?;
    }
    Ok(tx.commit().await?)
}

/// Removes the values of versions for ever.
pub(crate) async fn destroy(asker: &Asker, path: &Path, versions: &[u32]) -> Result<(), Error> {
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    store::locked(&mut tx, path).await?.ok_or(Error::NotFound)?;
    for version in versions {
        store::destroy(&mut tx, path, *version).await?;
        audit::add(&mut tx, &Line::of(asker, "destroy-secret", &path.target()).version(*version)).await?;
    }
    Ok(tx.commit().await?)
}

/// What is known of a secret and of its versions.
pub(crate) async fn metadata(asker: &Asker, path: &Path) -> Result<(Secret, Vec<Version>), Error> {
    let mut reader = asker.context.store.read(asker.principal.tenant);
    let secret = store::secret(&mut reader, path).await?.ok_or(Error::NotFound)?;
    let versions = store::versions(&mut reader, path).await?;
    Ok((secret, versions))
}

/// Changes what is known of a secret; one that is not there begins without a version, unless it has to be there.
pub(crate) async fn change_metadata(
    asker: &Asker,
    path: &Path,
    change: MetadataChange,
    must_exist: bool,
) -> Result<(), Error> {
    let now = asker.context.clock.now();
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    let known =
        if must_exist { store::locked(&mut tx, path).await? } else { Some(lock_or_add(asker, &mut tx, path).await?) };
    let secret = known.ok_or(Error::NotFound)?.changed(change, now)?;
    let tenant = store::rules(&mut tx).await?;
    store::update(&mut tx, &secret).await?;
    store::forget_versions_before(&mut tx, path, secret.oldest_kept(tenant)).await?;
    audit::add(&mut tx, &Line::of(asker, "change-metadata", &path.target())).await?;
    Ok(tx.commit().await?)
}

/// Removes a secret with all of its versions, for ever, and the folders that it leaves empty.
pub(crate) async fn forget(asker: &Asker, path: &Path) -> Result<(), Error> {
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    store::locked(&mut tx, path).await?.ok_or(Error::NotFound)?;
    store::forget(&mut tx, path).await?;
    for folder in path.folder().up() {
        if !store::forget_folder_if_empty(&mut tx, &folder).await? {
            break;
        }
    }
    audit::add(&mut tx, &Line::of(asker, "forget-secret", &path.target())).await?;
    Ok(tx.commit().await?)
}

/// The names in a folder: secrets, and folders with a slash at their end.
pub(crate) async fn list(asker: &Asker, folder: &Folder) -> Result<Vec<String>, Error> {
    let mut reader = asker.context.store.read(asker.principal.tenant);
    let mut names: Vec<String> = store::paths(&mut reader, folder, MAX_LISTED).await?;
    for name in &mut names {
        name.drain(..folder.as_str().len());
    }
    names.sort_unstable();
    if names.is_empty() { Err(Error::NotFound) } else { Ok(names) }
}

/// What holds for all secrets of the organisation.
pub(crate) async fn rules(asker: &Asker) -> Result<Rules, Error> {
    Ok(store::rules(&mut asker.context.store.read(asker.principal.tenant)).await?)
}

/// Changes what holds for all secrets of the organisation.
pub(crate) async fn change_rules(asker: &Asker, change: &MetadataChange) -> Result<(), Error> {
    let mut tx = asker.context.store.begin(asker.principal.tenant).await?;
    let known = store::rules(&mut tx).await?;
    let rules = Rules {
        max_versions: change.max_versions.unwrap_or(known.max_versions),
        cas_required: change.cas_required.unwrap_or(known.cas_required),
        delete_after: change.delete_after.unwrap_or(known.delete_after),
    };
    store::set_rules(&mut tx, rules.check()?).await?;
    audit::add(&mut tx, &Line::of(asker, "change-secret-rules", "secret/")).await?;
    Ok(tx.commit().await?)
}

async fn protect(asker: &Asker, path: &Path, version: u32, value: &Map<String, Value>) -> Result<Vec<u8>, Error> {
    let plain =
        Zeroizing::new(serde_json::to_vec(value).map_err(|_| Error::invalid("the value can't be written as JSON"))?);
    if plain.len() > MAX_VALUE {
        return Err(Error::invalid(format!("a secret has at most {MAX_VALUE} bytes")));
    }
    let (tenant, number) = (asker.principal.tenant.to_string(), version.to_string());
    seal::protect(&asker.context, purpose(&tenant), &[path.as_str(), &number], &plain).await
}

async fn reveal(asker: &Asker, path: &Path, version: u32, stored: &[u8]) -> Result<Map<String, Value>, Error> {
    let (tenant, number) = (asker.principal.tenant.to_string(), version.to_string());
    let plain = seal::reveal(&asker.context, purpose(&tenant), &[path.as_str(), &number], stored).await?;
    serde_json::from_slice(&plain).map_err(|_| Error::Corrupt("secret"))
}

fn purpose(tenant: &str) -> Purpose<'_> {
    Purpose { label: "secret", owner: tenant }
}

/// When a version was deleted, as clients read it: nothing while it is there.
pub(crate) fn deletion_time(version: &Version) -> String {
    version.deleted_at.as_ref().map(Timestamp::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_is_that_of_rfc_7396() {
        // Cases of its appendix A.
        for (value, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut value = value.as_object().unwrap().clone();
            merge_into(&mut value, patch.as_object().unwrap());
            assert_eq!(Value::from(value), merged, "{patch}");
        }
    }
}
