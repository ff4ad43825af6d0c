//! What the asker may do at some paths, in the words of Vault's clients.

use std::collections::BTreeMap;

use nexus_kernel::{Context, Resource, Role};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Body;
use super::reply::{Data, Envelope, Refusal, Refusals};
use crate::asker::Asker;
use crate::error::Error;
use crate::kv::Folder;
use crate::transit;

/// The most paths of one request.
const MAX_PATHS: usize = 100;

/// A word of Vault's, and the action of the policies that it stands for.
type Capability = (&'static str, &'static str);

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(capabilities_self))
}

/// What one may do is asked for these paths.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Paths {
    /// The paths, as `transit/encrypt/orders`.
    #[serde(default)]
    #[schema(example = json!(["transit/encrypt/orders"]))]
    paths: Vec<String>,
}

/// What you may do at some paths
#[utoipa::path(
    post,
    path = "/api/keys/v1/sys/capabilities-self",
    operation_id = "capabilities_self",
    tag = "key-service",
    request_body = Paths,
    responses((status = 200, description = "For each path: `create`, `read`, `update`, `delete`, `list`, or `deny`", body = Envelope<BTreeMap<String, Vec<String>>>), Refusals),
    security(("bearer" = [])),
)]
async fn capabilities_self(
    asker: Asker,
    Body(request): Body<Paths>,
) -> Result<Data<BTreeMap<String, Vec<&'static str>>>, Refusal> {
    if !(1..=MAX_PATHS).contains(&request.paths.len()) {
        return Err(Refusal::bad_request(format!("paths must name 1 to {MAX_PATHS}")));
    }
    let mut capabilities = BTreeMap::new();
    for path in request.paths {
        capabilities.insert(path.clone(), capabilities_at(&asker, &path).await?);
    }
    Ok(Data(capabilities))
}

async fn capabilities_at(asker: &Asker, path: &str) -> Result<Vec<&'static str>, Refusal> {
    let tenant = asker.principal.tenant;
    let segments: Vec<&str> = path.splitn(3, '/').collect();
    let (resource, capabilities): (Resource, &[Capability]) = match segments[..] {
        ["transit", "keys"] => (Resource::all("Tool", tenant), &[("list", "list-keys")]),
        ["transit", part, name] => (key(asker, name).await?, of_keys(part)),
        ["secret", part, place] => (Folder::parse(place)?.resource(tenant), of_secrets(part)),
        _ => return Ok(vec!["deny"]),
    };
    let mut allowed = Vec::new();
    for (capability, action) in capabilities {
        if asker.context.allows(Some(&asker.principal), action, &resource)? {
            allowed.push(*capability);
        }
    }
    Ok(if allowed.is_empty() { vec!["deny"] } else { allowed })
}

/// A key, or what it would be.
async fn key(asker: &Asker, name: &str) -> Result<Resource, Refusal> {
    match transit::find(asker, name).await {
        Ok(key) => Ok(key.resource()),
        Err(Error::NotFound) => Ok(transit::resource(asker.principal.tenant, name, Role::Member)),
        Err(error) => Err(error.into()),
    }
}

fn of_keys(part: &str) -> &'static [Capability] {
    match part {
        "keys" => &[("create", "create-key"), ("read", "read-key"), ("delete", "delete-key")],
        "encrypt" | "rewrap" | "datakey" => &[("update", "encrypt")],
        "decrypt" => &[("update", "decrypt")],
        "hmac" | "verify" => &[("update", "authenticate")],
        "export" => &[("read", "export-key")],
        _ => &[],
    }
}

fn of_secrets(part: &str) -> &'static [Capability] {
    match part {
        "data" => &[
            ("create", "write-secret"),
            ("read", "read-secret"),
            ("update", "write-secret"),
            ("patch", "write-secret"),
            ("delete", "delete-secret"),
        ],
        "metadata" => &[
            ("create", "write-secret"),
            ("read", "read-secret"),
            ("update", "write-secret"),
            ("delete", "destroy-secret"),
            ("list", "list-secrets"),
        ],
        "delete" | "undelete" => &[("update", "delete-secret")],
        "destroy" => &[("update", "destroy-secret")],
        _ => &[],
    }
}
