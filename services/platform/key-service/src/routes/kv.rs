//! Secrets' values: write, read, merge, delete, bring back, destroy.

use std::collections::BTreeMap;

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use http::StatusCode;
use nexus_kernel::{Context, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{Body, number, numbers};
use super::reply::{Data, Done, Envelope, Errors, Refusal, Refusals, refusal};
use crate::asker::Asker;
use crate::kv::{self, Found, Path as SecretPath, Version};

/// The most versions that one request names.
const MAX_NAMED: usize = 1_000;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(read_secret, write_secret, merge_secret, delete_secret))
        .route("/api/keys/v1/secret/data/{*path}", put(write_secret))
        .routes(routes!(delete_secret_versions))
        .route("/api/keys/v1/secret/delete/{*path}", put(delete_secret_versions))
        .routes(routes!(undelete_secret_versions))
        .route("/api/keys/v1/secret/undelete/{*path}", put(undelete_secret_versions))
        .routes(routes!(destroy_secret_versions))
        .route("/api/keys/v1/secret/destroy/{*path}", put(destroy_secret_versions))
}

/// How to write.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct WriteOptions {
    /// The version that this must follow; 0 when there must be none yet.
    #[serde(default, deserialize_with = "number")]
    #[schema(example = 0)]
    cas: Option<u32>,
}

/// A value to write.
#[derive(Deserialize, ToSchema)]
struct WriteSecret {
    /// The value: a JSON object.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::HashMap<String, Value>>, example = json!({"password": "correct horse"}))]
    data: Option<Map<String, Value>>,
    /// How to write it.
    #[serde(default)]
    options: Option<WriteOptions>,
}

impl WriteSecret {
    fn parts(self) -> Result<(Map<String, Value>, Option<u32>), Refusal> {
        let data = self.data.ok_or_else(|| Refusal::bad_request("no data provided"))?;
        Ok((data, self.options.unwrap_or_default().cas))
    }
}

/// Versions of a secret.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SecretVersionNumbers)]
struct Versions {
    /// Their numbers.
    #[serde(default, deserialize_with = "numbers")]
    #[schema(example = json!([1]))]
    versions: Vec<u32>,
}

impl Versions {
    fn named(self) -> Result<Vec<u32>, Refusal> {
        if (1..=MAX_NAMED).contains(&self.versions.len()) {
            return Ok(self.versions);
        }
        Err(Refusal::bad_request(format!("no version number provided, or more than {MAX_NAMED}")))
    }
}

/// Which version to read.
#[derive(Debug, Deserialize)]
struct Which {
    version: Option<u32>,
}

/// What is known of a version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionInfo {
    /// Its number.
    #[schema(example = 1)]
    version: u32,
    /// When it was written.
    created_time: Timestamp,
    /// When it was or will be deleted; empty where it is not.
    #[schema(example = "")]
    deletion_time: String,
    /// Whether its value is gone for ever.
    destroyed: bool,
    /// What people note about the secret.
    custom_metadata: Option<BTreeMap<String, String>>,
}

impl VersionInfo {
    fn of(found: &Found) -> Self {
        let Version { number, created_at, destroyed, .. } = found.version;
        let notes = &found.secret.notes;
        Self {
            version: number,
            created_time: created_at,
            deletion_time: kv::deletion_time(&found.version),
            destroyed,
            custom_metadata: (!notes.is_empty()).then(|| notes.clone()),
        }
    }
}

/// A value with what is known of its version.
#[derive(Serialize, ToSchema)]
pub(super) struct SecretValue {
    /// The value; null where it was deleted or destroyed.
    #[schema(value_type = Option<std::collections::HashMap<String, Value>>, example = json!({"password": "correct horse"}))]
    data: Option<Map<String, Value>>,
    /// What is known of its version.
    metadata: VersionInfo,
}

/// A secret that is not there, or a version of it that was deleted.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what is answered, for the API document")]
pub(super) enum MissingSecret {
    /// There is nothing.
    Nothing(Errors),
    /// What is known of the version.
    Deleted(Envelope<SecretValue>),
}

/// What reading a secret may answer beside its value, for the API document.
struct ReadRefusals;

impl IntoResponses for ReadRefusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let mut responses = Refusals::responses();
        let why = "There is no such secret, or this version of it was deleted or destroyed";
        responses.insert("404".to_owned(), refusal(why, &MissingSecret::name()));
        responses
    }
}

/// A path that the asker may do this with.
async fn allowed(asker: &Asker, path: &str, action: &'static str) -> Result<SecretPath, Refusal> {
    let path = SecretPath::parse(path)?;
    asker.must_be_allowed(action, &path.resource(asker.principal.tenant), &path.target()).await?;
    Ok(path)
}

/// Read a secret
///
/// A version that was deleted or destroyed answers 404 with what is known of it.
#[utoipa::path(
    get,
    path = "/api/keys/v1/secret/data/{*path}",
    operation_id = "read_secret",
    tag = "key-service",
    params(
        ("path" = String, Path, description = "The secret's path", example = "shared/mail"),
        ("version" = Option<u32>, Query, description = "The version; the newest where none is named"),
    ),
    responses((status = 200, description = "The value", body = Envelope<SecretValue>), ReadRefusals),
    security(("bearer" = [])),
)]
async fn read_secret(asker: Asker, Path(path): Path<String>, Query(which): Query<Which>) -> Result<Response, Refusal> {
    let path = allowed(&asker, &path, "read-secret").await?;
    let found = kv::read(&asker, &path, which.version).await?;
    let metadata = VersionInfo::of(&found);
    let is_there = found.value.is_some();
    let mut response = Data(SecretValue { data: found.value, metadata }).into_response();
    if !is_there {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

/// Write a secret's next version
#[utoipa::path(
    post,
    path = "/api/keys/v1/secret/data/{*path}",
    operation_id = "write_secret",
    tag = "key-service",
    params(("path" = String, Path, description = "The secret's path", example = "shared/mail")),
    request_body = WriteSecret,
    responses((status = 200, description = "The version that was written", body = Envelope<VersionInfo>), Refusals),
    security(("bearer" = [])),
)]
async fn write_secret(
    asker: Asker,
    Path(path): Path<String>,
    Body(request): Body<WriteSecret>,
) -> Result<Data<VersionInfo>, Refusal> {
    let path = allowed(&asker, &path, "write-secret").await?;
    let (data, cas) = request.parts()?;
    Ok(Data(VersionInfo::of(&kv::write(&asker, &path, cas, &data).await?)))
}

/// Change parts of a secret
///
/// Writes the newest version with these changes (RFC 7396, JSON Merge Patch) as the next.
#[utoipa::path(
    patch,
    path = "/api/keys/v1/secret/data/{*path}",
    operation_id = "merge_secret",
    tag = "key-service",
    params(("path" = String, Path, description = "The secret's path", example = "shared/mail")),
    request_body = WriteSecret,
    responses((status = 200, description = "The version that was written", body = Envelope<VersionInfo>), Refusals),
    security(("bearer" = [])),
)]
async fn merge_secret(
    asker: Asker,
    Path(path): Path<String>,
    Body(request): Body<WriteSecret>,
) -> Result<Data<VersionInfo>, Refusal> {
    let path = allowed(&asker, &path, "write-secret").await?;
    let (data, cas) = request.parts()?;
    Ok(Data(VersionInfo::of(&kv::merge(&asker, &path, cas, &data).await?)))
}

/// Delete a secret's newest version; it can be brought back
#[utoipa::path(
    delete,
    path = "/api/keys/v1/secret/data/{*path}",
    operation_id = "delete_secret",
    tag = "key-service",
    params(("path" = String, Path, description = "The secret's path", example = "shared/mail")),
    responses((status = 204, description = "It is deleted"), Refusals),
    security(("bearer" = [])),
)]
async fn delete_secret(asker: Asker, Path(path): Path<String>) -> Result<Done, Refusal> {
    let path = allowed(&asker, &path, "delete-secret").await?;
    kv::delete(&asker, &path, &[]).await?;
    Ok(Done)
}

/// Delete versions of a secret; they can be brought back
#[utoipa::path(
    post,
    path = "/api/keys/v1/secret/delete/{*path}",
    operation_id = "delete_secret_versions",
    tag = "key-service",
    params(("path" = String, Path, description = "The secret's path", example = "shared/mail")),
    request_body = Versions,
    responses((status = 204, description = "They are deleted"), Refusals),
    security(("bearer" = [])),
)]
async fn delete_secret_versions(
    asker: Asker,
    Path(path): Path<String>,
    Body(request): Body<Versions>,
) -> Result<Done, Refusal> {
    let path = allowed(&asker, &path, "delete-secret").await?;
    kv::delete(&asker, &path, &request.named()?).await?;
    Ok(Done)
}

/// Bring deleted versions of a secret back
#[utoipa::path(
    post,
    path = "/api/keys/v1/secret/undelete/{*path}",
    operation_id = "undelete_secret_versions",
    tag = "key-service",
    params(("path" = String, Path, description = "The secret's path", example = "shared/mail")),
    request_body = Versions,
    responses((status = 204, description = "They are back"), Refusals),
    security(("bearer" = [])),
)]
async fn undelete_secret_versions(
    asker: Asker,
    Path(path): Path<String>,
    Body(request): Body<Versions>,
) -> Result<Done, Refusal> {
    let path = allowed(&asker, &path, "delete-secret").await?;
    kv::undelete(&asker, &path, &request.named()?).await?;
    Ok(Done)
}

/// Remove the values of versions for ever
#[utoipa::path(
    post,
    path = "/api/keys/v1/secret/destroy/{*path}",
    operation_id = "destroy_secret_versions",
    tag = "key-service",
    params(("path" = String, Path, description = "The secret's path", example = "shared/mail")),
    request_body = Versions,
    responses((status = 204, description = "They are gone"), Refusals),
    security(("bearer" = [])),
)]
async fn destroy_secret_versions(
    asker: Asker,
    Path(path): Path<String>,
    Body(request): Body<Versions>,
) -> Result<Done, Refusal> {
    let path = allowed(&asker, &path, "destroy-secret").await?;
    kv::destroy(&asker, &path, &request.named()?).await?;
    Ok(Done)
}
