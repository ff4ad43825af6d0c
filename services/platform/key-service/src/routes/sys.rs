//! The seal, and what clients ask about the system and themselves.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use nexus_kernel::config::{SealKind, Secret};
use nexus_kernel::extract::header_text;
use nexus_kernel::limit::Quota;
use nexus_kernel::{Context, MaybePrincipal, Principal, Resource};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{Body, number, truth};
use super::reply::{Data, Done, Refusal, Refusals, kept_by_nobody, request_id};
use crate::asker::Asker;
use crate::audit::{self, Line};
use crate::seal::{self, Seal, Status};

/// Where a process shows its right to make the first keys.
const INIT_TOKEN: &str = "x-nexus-init-token";

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(seal_status))
        .route("/api/keys/v1/sys/health", get(health))
        .route("/api/keys/v1/sys/init", get(is_initialised).put(initialise).post(initialise))
        .route("/api/keys/v1/sys/unseal", post(unseal).put(unseal))
        .route("/api/keys/v1/sys/seal", post(close).put(close))
        .route("/api/keys/v1/sys/rotate", post(rotate_root).put(rotate_root))
        .route("/api/keys/v1/sys/key-status", get(key_status))
        .route("/api/keys/v1/sys/mounts", get(mounts))
        .route("/api/keys/v1/sys/internal/ui/mounts/{*path}", get(mount_of))
        .route("/api/keys/v1/auth/token/lookup-self", get(lookup_self))
}

/// How the seal is.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "Vault's own shape")]
struct SealStatus {
    /// What opens it: `file`, `passphrase` or `shamir`.
    #[serde(rename = "type")]
    #[schema(example = "file")]
    kind: SealKindName,
    /// Whether there are keys.
    initialized: bool,
    /// Whether nothing can be opened.
    sealed: bool,
    /// How many shares it takes.
    #[schema(example = 1)]
    t: u8,
    /// How many shares there are.
    #[schema(example = 1)]
    n: u8,
    /// How many of them have come.
    #[schema(example = 0)]
    progress: usize,
    /// Always empty.
    nonce: &'static str,
    /// The version of this program.
    version: &'static str,
    /// Always false.
    migration: bool,
    /// Always false.
    recovery_seal: bool,
}

/// What opens the seal.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SealKindName {
    /// A file.
    File,
    /// A passphrase.
    Passphrase,
    /// Shares that people hold.
    Shamir,
}

impl From<SealKind> for SealKindName {
    fn from(kind: SealKind) -> Self {
        match kind {
            SealKind::File => Self::File,
            SealKind::Passphrase => Self::Passphrase,
            SealKind::Shamir => Self::Shamir,
        }
    }
}

impl From<Status> for SealStatus {
    fn from(status: Status) -> Self {
        Self {
            kind: status.record.kind.into(),
            initialized: status.initialised,
            sealed: status.sealed,
            t: status.record.threshold,
            n: status.record.shares,
            progress: status.progress,
            nonce: "",
            version: env!("CARGO_PKG_VERSION"),
            migration: false,
            recovery_seal: false,
        }
    }
}

/// How the seal is
///
/// Needs no token.
#[utoipa::path(
    get,
    path = "/api/keys/v1/sys/seal-status",
    operation_id = "get_seal_status",
    tag = "key-service",
    responses((status = 200, description = "How it is", body = SealStatus), Refusals),
)]
async fn seal_status(State(context): State<Context>) -> Result<Response, Refusal> {
    Ok(kept_by_nobody(Json(SealStatus::from(seal::status(&context).await?))))
}

/// Which statuses a watcher wants.
#[derive(Debug, Deserialize)]
struct HealthCodes {
    sealedcode: Option<u16>,
    uninitcode: Option<u16>,
}

async fn health(State(context): State<Context>, Query(codes): Query<HealthCodes>) -> Result<Response, Refusal> {
    let status = seal::status(&context).await?;
    let asked = |code: Option<u16>, standard: u16| {
        let wanted = code.filter(|code| (200..600).contains(code)).unwrap_or(standard);
        StatusCode::from_u16(wanted).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
    };
    let code = match (status.initialised, status.sealed) {
        (false, _) => asked(codes.uninitcode, 501),
        (true, true) => asked(codes.sealedcode, 503),
        (true, false) => StatusCode::OK,
    };
    let body = json!({
        "initialized": status.initialised,
        "sealed": status.sealed,
        "standby": false,
        "performance_standby": false,
        "replication_performance_mode": "disabled",
        "replication_dr_mode": "disabled",
        "server_time_utc": context.clock.now().as_seconds(),
        "version": env!("CARGO_PKG_VERSION"),
        "cluster_name": "nexus-cos",
    });
    Ok(kept_by_nobody((code, Json(body))))
}

async fn is_initialised(State(context): State<Context>) -> Result<Response, Refusal> {
    Ok(kept_by_nobody(Json(json!({"initialized": seal::status(&context).await?.initialised}))))
}

/// How the master key is to be shared.
#[derive(Debug, Default, Deserialize)]
struct Initialise {
    #[serde(default, deserialize_with = "number")]
    secret_shares: Option<u32>,
    #[serde(default, deserialize_with = "number")]
    secret_threshold: Option<u32>,
}

/// Makes the first keys: for an owner, or for whoever has the token that the process printed, as nobody may be able to sign in yet.
async fn initialise(
    State(context): State<Context>,
    MaybePrincipal(principal): MaybePrincipal,
    headers: HeaderMap,
    Body(request): Body<Initialise>,
) -> Result<Response, Refusal> {
    limit(&context, "init").await?;
    let shown = header_text(&headers, INIT_TOKEN).is_some_and(|token| context.state::<Seal>().is_init_token(token));
    if !shown {
        context.authorize_any(principal.as_ref(), "initialise", &Resource::new("Seal", "seal"))?;
    }
    let count = |number: Option<u32>, standard: u8| {
        u8::try_from(number.unwrap_or(standard.into()))
            .map_err(|_| Refusal::bad_request(format!("there are at most {} shares", seal::MAX_SHARES)))
    };
    let (shares, threshold) = (count(request.secret_shares, 5)?, count(request.secret_threshold, 3)?);
    let made = seal::initialise(&context, shares, threshold).await?;
    let (keys, keys_base64): (Vec<Secret>, Vec<Secret>) =
        made.keys.iter().map(|(hex, base64)| (Secret::from(hex.as_str()), Secret::from(base64.as_str()))).unzip();
    Ok(kept_by_nobody(Json(json!({"keys": keys, "keys_base64": keys_base64, "root_token": ""}))))
}

/// A share, or the wish to begin again.
#[derive(Debug, Default, Deserialize)]
struct Unseal {
    #[serde(default)]
    key: Option<Secret>,
    #[serde(default, deserialize_with = "truth")]
    reset: Option<bool>,
}

/// Takes a share. It needs no token: whoever has enough shares has everything.
async fn unseal(State(context): State<Context>, Body(request): Body<Unseal>) -> Result<Response, Refusal> {
    limit(&context, "unseal").await?;
    let share = match (&request.key, request.reset) {
        (_, Some(true)) => None,
        (Some(key), _) => Some(key.expose()),
        (None, _) => {
            return Err(Refusal::bad_request(
                "'key' must be specified in request body as JSON, or 'reset' set to true",
            ));
        }
    };
    seal::submit(&context, share).await?;
    seal_status(State(context)).await
}

/// Strangers may ask; they must not keep the processor busy.
async fn limit(context: &Context, what: &str) -> Result<(), Refusal> {
    let quota = Quota::per_second(2.0, 20);
    let decision =
        context.cache.limit(&format!("key-service:{what}"), quota).await.map_err(nexus_kernel::Problem::internal)?;
    if decision.allowed {
        return Ok(());
    }
    Err(nexus_kernel::Problem::too_many(
        "too-many-attempts",
        "too many attempts; wait, then try again",
        decision.retry_after,
    )
    .into())
}

async fn close(asker: Asker) -> Result<Done, Refusal> {
    asker.must_be_allowed("seal", &Resource::new("Seal", "seal"), "seal").await?;
    audit::write(&asker.context, Line::of(&asker, "seal", "seal")).await?;
    seal::seal(&asker.context).await?;
    Ok(Done)
}

async fn rotate_root(asker: Asker) -> Result<Done, Refusal> {
    asker.must_be_allowed("rotate-root", &Resource::new("Seal", "seal"), "seal").await?;
    let generation = seal::rotate(&asker.context).await?;
    audit::write(&asker.context, Line::of(&asker, "rotate-root", "seal").version(generation)).await?;
    Ok(Done)
}

async fn key_status(asker: Asker) -> Result<Response, Refusal> {
    let (term, made_at) = seal::newest(&asker.context).await?;
    Ok(Data(json!({"term": term, "install_time": made_at})).into_response())
}

/// What is where, as clients of Vault call it.
fn engines() -> Value {
    json!({
        "secret/": {
            "type": "kv", "description": "secrets with versions", "options": {"version": "2"}, "local": false,
            "seal_wrap": false, "external_entropy_access": false, "accessor": "kv", "uuid": "",
            "config": {"default_lease_ttl": 0, "max_lease_ttl": 0, "force_no_cache": false},
        },
        "transit/": {
            "type": "transit", "description": "keys that never leave", "options": null, "local": false,
            "seal_wrap": false, "external_entropy_access": false, "accessor": "transit", "uuid": "",
            "config": {"default_lease_ttl": 0, "max_lease_ttl": 0, "force_no_cache": false},
        },
    })
}

/// Both at the top and as data: clients of all ages read it.
async fn mounts(_: Asker) -> Response {
    let engines = engines();
    let mut body = json!({
        "request_id": request_id(), "lease_id": "", "renewable": false, "lease_duration": 0, "warnings": null,
        "data": engines,
    });
    if let (Some(body), Some(engines)) = (body.as_object_mut(), engines.as_object()) {
        body.extend(engines.clone());
    }
    kept_by_nobody(Json(body))
}

async fn mount_of(_: Asker, Path(path): Path<String>) -> Result<Response, Refusal> {
    let mount = format!("{}/", path.split('/').next().unwrap_or_default());
    let Some(Value::Object(mut engine)) = engines().get(&mount).cloned() else {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            format!(
                "preflight capability check returned 403, please ensure client's policies grant access to path \"{path}\""
            ),
        ));
    };
    engine.insert("path".to_owned(), mount.into());
    Ok(Data(engine).into_response())
}

async fn lookup_self(asker: Asker) -> Response {
    let Principal { user, tenant, session, roles, expires_at, .. } = &asker.principal;
    let left = expires_at.since(asker.context.clock.now()).as_secs();
    let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    Data(json!({
        "accessor": session, "id": "", "display_name": user, "entity_id": user, "type": "service", "path": "auth/token/create",
        "policies": roles, "meta": {"tenant": tenant}, "ttl": left, "creation_ttl": left, "explicit_max_ttl": 0,
        "expire_time": expires_at, "num_uses": 0, "orphan": true, "renewable": false,
    }))
    .into_response()
}
