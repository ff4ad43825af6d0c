//! What is known about secrets: lists, metadata, and the rules that hold for all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::Path;
use axum::routing::{any, put};
use nexus_kernel::{Context, Resource, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Reads;
use super::body::{Body, duration, number, truth, write_duration};
use super::reply::{Data, Done, Envelope, Refusal, Refusals};
use super::transit_shapes::Names;
use crate::asker::Asker;
use crate::kv::{self, Folder, MetadataChange, Path as SecretPath, Secret, Version};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_secrets))
        .route("/api/keys/v1/secret/metadata", any(list_secrets))
        .route("/api/keys/v1/secret/metadata/", any(list_secrets))
        .routes(routes!(get_secret_metadata, put_secret_metadata, merge_secret_metadata, forget_secret))
        .route("/api/keys/v1/secret/metadata/{*path}", put(put_secret_metadata).fallback(get_secret_metadata))
        .routes(routes!(get_secret_rules, change_secret_rules))
        .route("/api/keys/v1/secret/config", put(change_secret_rules))
}

/// What people note about a secret: texts under names; null removes one when it is merged.
type Notes = BTreeMap<String, Option<String>>;

/// What is to change; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct ChangeMetadata {
    /// How many versions are kept; 0 for what holds for all secrets.
    #[serde(default, deserialize_with = "number")]
    #[schema(example = 5)]
    max_versions: Option<u32>,
    /// Whether each write has to name the version that it follows.
    #[serde(default, deserialize_with = "truth")]
    cas_required: Option<bool>,
    /// How long after it is written a version is deleted by itself, as `720h`; 0 for never.
    #[serde(default, deserialize_with = "duration")]
    #[schema(value_type = Option<String>, example = "720h")]
    delete_version_after: Option<Duration>,
    /// What people note about the secret.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, Option<String>>>, example = json!({"owner": "mail team"}))]
    custom_metadata: Option<Notes>,
}

impl ChangeMetadata {
    fn change(self, replaces_notes: bool) -> MetadataChange {
        MetadataChange {
            max_versions: self.max_versions,
            cas_required: self.cas_required,
            delete_after: self.delete_version_after,
            notes: self.custom_metadata,
            replaces_notes,
        }
    }
}

/// What is known of a version.
#[derive(Debug, Serialize, ToSchema)]
struct VersionTimes {
    /// When it was written.
    created_time: Timestamp,
    /// When it was or will be deleted; empty where it is not.
    #[schema(example = "")]
    deletion_time: String,
    /// Whether its value is gone for ever.
    destroyed: bool,
}

/// What is known of a secret.
#[derive(Debug, Serialize, ToSchema)]
struct SecretMetadata {
    /// Its newest version; 0 where it has none yet.
    #[schema(example = 1)]
    current_version: u32,
    /// Its oldest version that is there; 0 where it has none.
    #[schema(example = 1)]
    oldest_version: u32,
    /// How many versions are kept; 0 for what holds for all secrets.
    #[schema(example = 0)]
    max_versions: u32,
    /// Whether each write has to name the version that it follows.
    cas_required: bool,
    /// How long after it is written a version is deleted by itself.
    #[schema(example = "0s")]
    delete_version_after: String,
    /// What people note about it.
    custom_metadata: Option<BTreeMap<String, String>>,
    /// When it was first written.
    created_time: Timestamp,
    /// When it was last written.
    updated_time: Timestamp,
    /// Its versions that are there.
    #[schema(value_type = BTreeMap<String, VersionTimes>)]
    versions: BTreeMap<u32, VersionTimes>,
}

impl SecretMetadata {
    fn of(secret: Secret, versions: &[Version]) -> Self {
        let times = |version: &Version| VersionTimes {
            created_time: version.created_at,
            deletion_time: kv::deletion_time(version),
            destroyed: version.destroyed,
        };
        Self {
            current_version: secret.current_version,
            oldest_version: versions.first().map_or(0, |oldest| oldest.number),
            max_versions: secret.rules.max_versions,
            cas_required: secret.rules.cas_required,
            delete_version_after: write_duration(secret.rules.delete_after),
            custom_metadata: (!secret.notes.is_empty()).then_some(secret.notes),
            created_time: secret.created_at,
            updated_time: secret.updated_at,
            versions: versions.iter().map(|version| (version.number, times(version))).collect(),
        }
    }
}

/// What holds for all secrets of an organisation.
#[derive(Debug, Serialize, ToSchema)]
struct SecretRules {
    /// How many versions are kept; 0 for ten.
    #[schema(example = 0)]
    max_versions: u32,
    /// Whether each write has to name the version that it follows.
    cas_required: bool,
    /// How long after it is written a version is deleted by itself.
    #[schema(example = "0s")]
    delete_version_after: String,
}

/// A secret, or what is in a folder.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum SecretOrFolder {
    /// What is known of the secret.
    Secret(SecretMetadata),
    /// What is in the folder.
    Folder(Names),
}

async fn listed(asker: &Asker, folder: &str) -> Result<Names, Refusal> {
    let folder = Folder::parse(folder)?;
    asker.must_be_allowed("list-secrets", &folder.resource(asker.principal.tenant), &folder.target()).await?;
    Ok(Names { keys: kv::list(asker, &folder).await? })
}

async fn allowed(asker: &Asker, path: &str, action: &'static str) -> Result<SecretPath, Refusal> {
    let path = SecretPath::parse(path)?;
    asker.must_be_allowed(action, &path.resource(asker.principal.tenant), &path.target()).await?;
    Ok(path)
}

/// List the outermost secrets and folders
///
/// Also by Vault's own method LIST.
#[utoipa::path(
    get,
    path = "/api/keys/v1/secret/metadata",
    operation_id = "list_secrets",
    tag = "key-service",
    params(("list" = bool, Query, description = "Always `true`", example = true)),
    responses((status = 200, description = "Names; folders end with a slash", body = Envelope<Names>), Refusals),
    security(("bearer" = [])),
)]
async fn list_secrets(asker: Asker, reads: Reads) -> Result<Data<Names>, Refusal> {
    if reads == Reads::Folder { Ok(Data(listed(&asker, "").await?)) } else { Err(Refusal::unsupported()) }
}

/// What is known of a secret, or with `list=true` what is in a folder
#[utoipa::path(
    get,
    path = "/api/keys/v1/secret/metadata/{*path}",
    operation_id = "get_secret_metadata",
    tag = "key-service",
    params(
        ("path" = String, Path, description = "The secret's or the folder's path", example = "shared/mail"),
        ("list" = Option<bool>, Query, description = "`true` to list a folder: the reply then has `keys`"),
    ),
    responses((status = 200, description = "What is known of it", body = Envelope<SecretOrFolder>), Refusals),
    security(("bearer" = [])),
)]
async fn get_secret_metadata(
    asker: Asker,
    Path(path): Path<String>,
    reads: Reads,
) -> Result<Data<SecretOrFolder>, Refusal> {
    match reads {
        Reads::Folder => Ok(Data(SecretOrFolder::Folder(listed(&asker, &path).await?))),
        Reads::One => {
            let path = allowed(&asker, &path, "read-secret").await?;
            let (secret, versions) = kv::metadata(&asker, &path).await?;
            Ok(Data(SecretOrFolder::Secret(SecretMetadata::of(secret, &versions))))
        }
        Reads::Nothing => Err(Refusal::unsupported()),
    }
}

/// Change what is known of a secret
///
/// A secret that is not there begins without a version. Notes that are not named go.
#[utoipa::path(
    post,
    path = "/api/keys/v1/secret/metadata/{*path}",
    operation_id = "put_secret_metadata",
    tag = "key-service",
    params(("path" = String, Path, description = "The secret's path", example = "shared/mail")),
    request_body = ChangeMetadata,
    responses((status = 204, description = "It is changed"), Refusals),
    security(("bearer" = [])),
)]
async fn put_secret_metadata(
    asker: Asker,
    Path(path): Path<String>,
    Body(request): Body<ChangeMetadata>,
) -> Result<Done, Refusal> {
    let path = allowed(&asker, &path, "write-secret").await?;
    kv::change_metadata(&asker, &path, request.change(true), false).await?;
    Ok(Done)
}

/// Change parts of what is known of a secret
#[utoipa::path(
    patch,
    path = "/api/keys/v1/secret/metadata/{*path}",
    operation_id = "merge_secret_metadata",
    tag = "key-service",
    params(("path" = String, Path, description = "The secret's path", example = "shared/mail")),
    request_body = ChangeMetadata,
    responses((status = 204, description = "It is changed"), Refusals),
    security(("bearer" = [])),
)]
async fn merge_secret_metadata(
    asker: Asker,
    Path(path): Path<String>,
    Body(request): Body<ChangeMetadata>,
) -> Result<Done, Refusal> {
    let path = allowed(&asker, &path, "write-secret").await?;
    kv::change_metadata(&asker, &path, request.change(false), true).await?;
    Ok(Done)
}

/// Remove a secret with all of its versions, for ever
#[utoipa::path(
    delete,
    path = "/api/keys/v1/secret/metadata/{*path}",
    operation_id = "forget_secret",
    tag = "key-service",
    params(("path" = String, Path, description = "The secret's path", example = "shared/mail")),
    responses((status = 204, description = "It is gone"), Refusals),
    security(("bearer" = [])),
)]
async fn forget_secret(asker: Asker, Path(path): Path<String>) -> Result<Done, Refusal> {
    let path = allowed(&asker, &path, "destroy-secret").await?;
    kv::forget(&asker, &path).await?;
    Ok(Done)
}

/// The organisation's rules, for the policies.
fn all_secrets(asker: &Asker) -> Resource {
    Resource::all("Secret", asker.principal.tenant).text("place", "organisation")
}

/// What holds for all secrets of your organisation
#[utoipa::path(
    get,
    path = "/api/keys/v1/secret/config",
    operation_id = "get_secret_rules",
    tag = "key-service",
    responses((status = 200, description = "The rules", body = Envelope<SecretRules>), Refusals),
    security(("bearer" = [])),
)]
async fn get_secret_rules(asker: Asker) -> Result<Data<SecretRules>, Refusal> {
    asker.must_be_allowed("read-secret-rules", &all_secrets(&asker), "secret/").await?;
    let rules = kv::rules(&asker).await?;
    let delete_version_after = write_duration(rules.delete_after);
    let (max_versions, cas_required) = (rules.max_versions, rules.cas_required);
    Ok(Data(SecretRules { max_versions, cas_required, delete_version_after }))
}

/// Change what holds for all secrets of your organisation
#[utoipa::path(
    post,
    path = "/api/keys/v1/secret/config",
    operation_id = "change_secret_rules",
    tag = "key-service",
    request_body = ChangeMetadata,
    responses((status = 204, description = "They are changed"), Refusals),
    security(("bearer" = [])),
)]
async fn change_secret_rules(asker: Asker, Body(request): Body<ChangeMetadata>) -> Result<Done, Refusal> {
    asker.must_be_allowed("change-secret-rules", &all_secrets(&asker), "secret/").await?;
    kv::change_rules(&asker, &request.change(false)).await?;
    Ok(Done)
}
