//! Keys: make, list, look at, configure, rotate, trim, export, delete.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::routing::{any, put};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::{Context, Resource, Role};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Reads;
use super::body::Body;
use super::reply::{Data, Done, Envelope, Refusal, Refusals};
use super::transit_shapes::{ConfigureKey, CreateKey, ExportedKey, KeyInfo, Names, TrimKey};
use crate::asker::Asker;
use crate::error::Error;
use crate::transit::{self, KeyChange, NewKey, TransitKey};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_keys))
        .route("/api/keys/v1/transit/keys", any(list_keys))
        .route("/api/keys/v1/transit/keys/", any(list_keys))
        .routes(routes!(get_key, create_key, delete_key))
        .route("/api/keys/v1/transit/keys/{name}", put(create_key))
        .routes(routes!(configure_key))
        .route("/api/keys/v1/transit/keys/{name}/config", put(configure_key))
        .routes(routes!(rotate_key))
        .route("/api/keys/v1/transit/keys/{name}/rotate", put(rotate_key))
        .routes(routes!(trim_key))
        .route("/api/keys/v1/transit/keys/{name}/trim", put(trim_key))
        .routes(routes!(export_key))
        .routes(routes!(export_key_version))
}

/// The key's name in the log.
fn target(name: &str) -> String {
    format!("transit/{name}")
}

/// A key of this name that the asker may do this with; for everybody else there is none.
async fn allowed_key(asker: &Asker, name: &str, action: &'static str) -> Result<TransitKey, Refusal> {
    let key = transit::find(asker, name).await?;
    asker.must_be_allowed(action, &key.resource(), &target(name)).await?;
    Ok(key)
}

async fn shown(asker: &Asker, name: &str) -> Result<Data<KeyInfo>, Refusal> {
    Ok(Data(KeyInfo::of(&*transit::unlock(&asker.context, asker.principal.tenant, name).await?)))
}

/// List the keys of your organisation
///
/// Also by Vault's own method LIST.
#[utoipa::path(
    get,
    path = "/api/keys/v1/transit/keys",
    operation_id = "list_keys",
    tag = "key-service",
    params(("list" = bool, Query, description = "Always `true`", example = true)),
    responses((status = 200, description = "Their names", body = Envelope<Names>), Refusals),
    security(("bearer" = [])),
)]
async fn list_keys(asker: Asker, reads: Reads) -> Result<Data<Names>, Refusal> {
    if reads != Reads::Folder {
        return Err(Refusal::unsupported());
    }
    asker.must_be_allowed("list-keys", &Resource::all("Tool", asker.principal.tenant), "transit/").await?;
    match transit::names(&asker).await? {
        names if names.is_empty() => Err(Error::NotFound.into()),
        keys => Ok(Data(Names { keys })),
    }
}

/// One key
#[utoipa::path(
    get,
    path = "/api/keys/v1/transit/keys/{name}",
    operation_id = "get_key",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name", example = "orders")),
    responses((status = 200, description = "The key, without what makes it one", body = Envelope<KeyInfo>), Refusals),
    security(("bearer" = [])),
)]
async fn get_key(asker: Asker, Path(name): Path<String>) -> Result<Data<KeyInfo>, Refusal> {
    allowed_key(&asker, &name, "read-key").await?;
    shown(&asker, &name).await
}

/// Make a key
///
/// A key of this name that is there stays as it is.
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/keys/{name}",
    operation_id = "create_key",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name: letters, digits, dots, hyphens, underscores", example = "orders")),
    request_body = CreateKey,
    responses((status = 200, description = "The key", body = Envelope<KeyInfo>), Refusals),
    security(("bearer" = [])),
)]
async fn create_key(
    asker: Asker,
    Path(name): Path<String>,
    Body(request): Body<CreateKey>,
) -> Result<Data<KeyInfo>, Refusal> {
    refuse_backup(request.allow_plaintext_backup)?;
    let usable_by = request.usable_by.unwrap_or(Role::Member);
    let resource = transit::resource(asker.principal.tenant, &name, usable_by);
    asker.must_be_allowed("create-key", &resource, &target(&name)).await?;
    let new = NewKey {
        name: name.clone(),
        kind: request.kind.unwrap_or_default(),
        derived: request.derived.unwrap_or(false),
        convergent: request.convergent_encryption.unwrap_or(false),
        exportable: request.exportable.unwrap_or(false),
        rotate_every: request.auto_rotate_period.unwrap_or_default(),
        usable_by,
    };
    transit::create(&asker, new).await?;
    // It may have been there, as somebody else's.
    allowed_key(&asker, &name, "read-key").await?;
    shown(&asker, &name).await
}

/// Delete a key
///
/// Nothing that it encrypted can be read any more. It must have `deletion_allowed`.
#[utoipa::path(
    delete,
    path = "/api/keys/v1/transit/keys/{name}",
    operation_id = "delete_key",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name", example = "orders")),
    responses((status = 204, description = "The key is gone"), Refusals),
    security(("bearer" = [])),
)]
async fn delete_key(asker: Asker, Path(name): Path<String>) -> Result<Done, Refusal> {
    allowed_key(&asker, &name, "delete-key").await?;
    transit::delete(&asker, &name).await?;
    Ok(Done)
}

/// Configure a key
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/keys/{name}/config",
    operation_id = "configure_key",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name", example = "orders")),
    request_body = ConfigureKey,
    responses((status = 200, description = "The key as it is now", body = Envelope<KeyInfo>), Refusals),
    security(("bearer" = [])),
)]
async fn configure_key(
    asker: Asker,
    Path(name): Path<String>,
    Body(request): Body<ConfigureKey>,
) -> Result<Data<KeyInfo>, Refusal> {
    refuse_backup(request.allow_plaintext_backup)?;
    let key = allowed_key(&asker, &name, "manage-key").await?;
    if let Some(usable_by) = request.usable_by {
        // Nobody hands a key to a role that the policies would not let them make it for.
        let changed = TransitKey { usable_by, ..key };
        asker.must_be_allowed("create-key", &changed.resource(), &target(&name)).await?;
    }
    let change = KeyChange {
        min_decryption_version: request.min_decryption_version,
        min_encryption_version: request.min_encryption_version,
        deletion_allowed: request.deletion_allowed,
        exportable: request.exportable,
        rotate_every: request.auto_rotate_period,
        usable_by: request.usable_by,
    };
    transit::configure(&asker, &name, &change).await?;
    shown(&asker, &name).await
}

fn refuse_backup(asked: Option<bool>) -> Result<(), Refusal> {
    if asked == Some(true) {
        return Err(Refusal::bad_request(
            "plaintext backups of single keys are not offered; `nexus backup` keeps all of them",
        ));
    }
    Ok(())
}

/// Make a key's next version
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/keys/{name}/rotate",
    operation_id = "rotate_key",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name", example = "orders")),
    responses((status = 200, description = "The key as it is now", body = Envelope<KeyInfo>), Refusals),
    security(("bearer" = [])),
)]
async fn rotate_key(asker: Asker, Path(name): Path<String>) -> Result<Data<KeyInfo>, Refusal> {
    allowed_key(&asker, &name, "manage-key").await?;
    transit::rotate(&asker, &name).await?;
    shown(&asker, &name).await
}

/// Forget a key's oldest versions
///
/// Nothing that they encrypted can be read any more.
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/keys/{name}/trim",
    operation_id = "trim_key",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name", example = "orders")),
    request_body = TrimKey,
    responses((status = 200, description = "The key as it is now", body = Envelope<KeyInfo>), Refusals),
    security(("bearer" = [])),
)]
async fn trim_key(
    asker: Asker,
    Path(name): Path<String>,
    Body(request): Body<TrimKey>,
) -> Result<Data<KeyInfo>, Refusal> {
    allowed_key(&asker, &name, "manage-key").await?;
    let version = request.min_available_version.filter(|version| *version > 0);
    let version = version.ok_or_else(|| Refusal::bad_request("missing min_available_version"))?;
    transit::trim(&asker, &name, version).await?;
    shown(&asker, &name).await
}

/// Export all versions of a key
#[utoipa::path(
    get,
    path = "/api/keys/v1/transit/export/{type}/{name}",
    operation_id = "export_key",
    tag = "key-service",
    params(
        ("type" = String, Path, description = "`encryption-key` or `hmac-key`", example = "encryption-key"),
        ("name" = String, Path, description = "The key's name", example = "orders"),
    ),
    responses((status = 200, description = "The key itself", body = Envelope<ExportedKey>), Refusals),
    security(("bearer" = [])),
)]
async fn export_key(asker: Asker, Path((part, name)): Path<(String, String)>) -> Result<Data<ExportedKey>, Refusal> {
    exported(&asker, &part, &name, None).await
}

/// Export one version of a key
#[utoipa::path(
    get,
    path = "/api/keys/v1/transit/export/{type}/{name}/{version}",
    operation_id = "export_key_version",
    tag = "key-service",
    params(
        ("type" = String, Path, description = "`encryption-key` or `hmac-key`", example = "encryption-key"),
        ("name" = String, Path, description = "The key's name", example = "orders"),
        ("version" = String, Path, description = "The version, or `latest`", example = "latest"),
    ),
    responses((status = 200, description = "The key itself", body = Envelope<ExportedKey>), Refusals),
    security(("bearer" = [])),
)]
async fn export_key_version(
    asker: Asker,
    Path((part, name, version)): Path<(String, String, String)>,
) -> Result<Data<ExportedKey>, Refusal> {
    exported(&asker, &part, &name, Some(&version)).await
}

async fn exported(asker: &Asker, part: &str, name: &str, version: Option<&str>) -> Result<Data<ExportedKey>, Refusal> {
    let key = allowed_key(asker, name, "export-key").await?;
    let of_hmac = match part {
        "encryption-key" if key.kind.cipher().is_some() => false,
        "hmac-key" => true,
        _ => return Err(Refusal::bad_request(format!("a key of type {} has no {part}", key.kind.as_str()))),
    };
    let wanted = match version {
        None => None,
        Some("latest") => Some(key.latest_version),
        Some(version) => Some(version.parse().map_err(|_| Refusal::bad_request("invalid key version"))?),
    };
    let unlocked = transit::export(asker, name).await?;
    let versions = unlocked.versions.range(unlocked.key.min_decryption_version..);
    let keys: BTreeMap<String, String> = versions
        .filter(|(version, _)| wanted.is_none_or(|wanted| wanted == **version))
        .map(|(version, (material, _))| {
            let half = if of_hmac { &material.authentication } else { &material.encryption };
            (version.to_string(), STANDARD.encode(**half))
        })
        .collect();
    if keys.is_empty() {
        return Err(Refusal::bad_request("version does not exist or is no longer valid"));
    }
    Ok(Data(ExportedKey { name: name.to_owned(), kind: unlocked.key.kind, keys }))
}
